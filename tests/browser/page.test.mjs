// One world that belongs to people, from its first release on: what they press and what then happens, in one browser.
//
// The tests follow one another in that world, as a person's afternoon would: starting a world for each would take minutes.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startBrowser, startDemo } from './demo.mjs';
import { Person, cutOff, watch } from './person.mjs';
import { leaked } from './secrets.mjs';

const GITHUB = ['✓ gantry/exchange/preproduction', '✓ gantry/exchange/production'];
let demo;
let browser;
let page;
let person;
const faults = [];

before(async () => {
  browser = await startBrowser();
  demo = await startDemo('--factor', '100');
  page = await browser.open(demo.url);
  watch(page, demo.url, faults);
  person = new Person(page);
});

after(async () => {
  await browser?.end();
  await demo?.end();
});

/** The entry of a commit in the list of pushes, and its item on the board. */
const pushed = (commit) => page.locator('.pushes li', { hasText: commit });
const item = (commit) => page.locator('.board li', { hasText: `exchange-${commit}` });

test('the first release comes by itself, and people are asked', async () => {
  const question = await person.isAsked();
  await person.sees('Waiting for approval');
  assert.match(await question.textContent(), /What changes in production.*1 commit.*Checked before/);
  assert.equal(await page.title(), '● Gantry: your decision');
  assert.equal(await page.locator('.thread[open] summary strong').textContent(), '1 reply');
});

test('who may not decide is told so, and nobody else sees it', async () => {
  const acting = page.getByLabel('You are');
  await acting.selectOption({ label: 'Cat Nguyen · Developer' });
  await person.approves();
  await page.locator('.message.ephemeral', { hasText: 'Only visible to you' }).waitFor();
  await acting.selectOption({ label: 'Ada Okafor · QA lead' });
  await page.locator('.message.ephemeral').waitFor({ state: 'hidden' });
  await person.sees('Waiting for approval');
});

test('a rejection asks for its reason in a modal, and everybody reads it', async () => {
  const reject = (await person.isAsked()).getByRole('button', { name: 'Reject…' });
  await reject.click();
  await page.keyboard.press('Escape');
  await person.confirm.waitFor({ state: 'hidden' });
  assert.ok(await reject.evaluate((button) => button === document.activeElement), 'the focus is back where it was');

  await reject.press('Enter');
  await person.confirm.getByRole('button', { name: 'Give a reason' }).press('Enter');
  const why = person.modal.getByLabel('Why?');
  await why.waitFor();
  assert.ok(await why.evaluate((field) => field === document.activeElement), 'one can type at once');
  await page.keyboard.press('Escape');
  await person.modal.waitFor({ state: 'hidden' });
  await person.sees('Waiting for approval');

  await reject.click();
  await person.confirm.getByRole('button', { name: 'Give a reason' }).click();
  await why.waitFor();
  await person.modal.getByRole('button', { name: 'Reject' }).click();
  assert.ok(await why.evaluate((field) => field.validity.valueMissing), 'no reason, no rejection');
  await why.fill('The data team is still <migrating> & asks for a day');
  await page.keyboard.press('Control+Enter');
  await person.sees('Declined');
  await person.reads('“The data team is still <migrating> & asks for a day”');
  assert.equal(await person.question.count(), 0, 'the buttons are gone');
  await page.locator('.reason', { hasText: 'asks for a day' }).waitFor();
  assert.ok(await page.evaluate(() => document.activeElement.closest('#slack') !== null), 'the focus stays near');
});

test('a good image goes to production with the keyboard alone', async () => {
  await page.evaluate(() => document.activeElement.blur());
  await person.tabsTo('works');
  await page.keyboard.press('Enter');
  await person.headline.filter({ hasText: 'Show fees before an order is placed' }).waitFor();
  await person.isAsked();
  await person.tabsTo('Approve');
  await page.keyboard.press('Enter');
  await person.confirm.waitFor();
  for (let presses = 0; presses < 5; presses += 1) {
    await page.keyboard.press('Tab');
    assert.ok(await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest('#confirm') !== null), 'the dialog keeps the focus');
  }
  await person.confirm.getByRole('button', { name: 'Approve' }).focus();
  await page.keyboard.press('Enter');
  await person.sees('Succeeded');
  await person.until((title) => document.title === title, 'Gantry');
});

test('vendors that are down change nothing, and hear the truth when they are mended', async () => {
  const engine = await person.pushes('works');
  await person.isAsked(engine);
  await person.approves(engine);
  for (const vendor of ['Slack', 'GitHub', 'Monday']) await person.tries(`Break ${vendor}`);
  await page.locator('.controls .note.problem', { hasText: 'Slack, GitHub and Monday answer 503' }).waitFor();
  await page.locator('#slack .down', { hasText: 'Slack is down' }).waitFor();
  await page.locator('#github .chip.bad', { hasText: 'GitHub is down' }).waitFor();
  await page.locator('#monday .chip.bad', { hasText: 'Monday is down' }).waitFor();
  await person.sees('Succeeded');
  assert.equal(await person.version('Production', 'exchange-engine-app'), engine);
  assert.doesNotMatch(await page.locator('.thread[open]').textContent(), /Every stage runs the release/, 'Slack has heard nothing yet');
  assert.equal(await pushed(engine).getByText(GITHUB[1]).count(), 0, 'GitHub has not');
  assert.equal(await item(engine).getByText('Released').count(), 0, 'Monday has not');

  for (const vendor of ['Slack', 'GitHub', 'Monday']) await person.tries(`Mend ${vendor}`);
  await page.locator('.thread[open]', { hasText: 'Every stage runs the release.' }).waitFor();
  for (const status of GITHUB) await pushed(engine).getByText(status).waitFor();
  await item(engine).getByText('Released').waitFor();
  assert.equal(await page.getByText('is down').count(), 0);
});

test('what crashes in production goes back by itself, and people resume', async () => {
  const before = await person.version('Production', 'web');
  const commit = await person.pushes('crashes in production');
  await person.approves(commit);
  await person.sees('Rolled back');
  const road = page.locator('.release');
  await road.locator('.station.wait', { hasText: 'Production' }).waitFor();
  await road.locator('.step.bad', { hasText: 'backend: web' }).waitFor();
  assert.equal(await person.version('Production', 'web'), before);
  assert.equal(await person.version('Pre-production', 'web'), commit);
  await person.reads('KeyError: key not found: SPREAD_LIMIT');
  await pushed(commit).getByText('✕ gantry/exchange/production').waitFor();

  await page.getByRole('button', { name: 'Resume' }).click();
  await person.confirm.getByRole('button', { name: 'Resume' }).click();
  await person.reads('production is resumed');
});

test('what crashes in pre-production never gets to people', async () => {
  const commit = await person.pushes('crashes in pre-production');
  await person.sees('Rolled back');
  await page.locator('.release .station.todo', { hasText: 'Approval' }).waitFor();
  assert.equal(await person.question.filter({ hasText: commit }).count(), 0);
  assert.notEqual(await person.version('Pre-production', 'web'), commit);
});

test('a release that is stopped in the middle is put in order', async () => {
  const before = await person.version('Pre-production', 'web');
  const commit = await person.pushes('works');
  await page.locator('.cluster:first-child .service.changing').first().waitFor();
  await person.tries(`the execution of ${commit}`);
  await page.locator('.controls .note', { hasText: 'was stopped, as on the console' }).waitFor();
  await page.getByText('Stopped by a person').first().waitFor();
  await person.reads(/was rolled back in preproduction/);
  await item(commit).getByText('Rolled back').waitFor();
  assert.equal(await person.version('Pre-production', 'web'), before);
  await page.locator('.controls .stop[aria-disabled]').waitFor();
});

for (const dark of [false, true]) {
  test(`on a phone nothing is cut off, ${dark ? 'dark' : 'light'}`, async () => {
    const phone = await browser.open(demo.url, { width: 390, height: 844, dark });
    watch(phone, demo.url, faults);
    await phone.locator('.release').waitFor();
    await phone.locator('.controls summary').click();
    await phone.locator('.controls .act').first().waitFor();
    await phone.evaluate(() => document.querySelectorAll('details:not([open]) > summary').forEach((closed) => closed.click()));
    assert.equal(await phone.evaluate(() => document.documentElement.scrollWidth), 390);
    assert.deepEqual(await cutOff(phone), []);
    await phone.context().close();
  });
}

test('the page holds no token and no secret', async () => {
  const seen = await page.evaluate(async () => JSON.stringify(await (await fetch('/page/snapshot')).json()));
  assert.deepEqual(leaked(seen), []);
  assert.deepEqual(leaked(await page.locator('body').innerHTML()), []);
});

test('nothing went wrong in the browser, and nothing was fetched from elsewhere', () => {
  assert.deepEqual(faults, []);
});
