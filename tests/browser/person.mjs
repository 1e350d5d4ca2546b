// What a person does and sees on the page, in words of the page. Everything waits for what it says; nothing sleeps.

import assert from 'node:assert/strict';

/** How long anything is waited for: a net, not a deadline. */
export const PATIENCE = 60_000;

/** Watches a tab for what must never happen, errors and requests to anywhere but the demo, and notes it in `faults`. */
export function watch(page, url, faults) {
  const { origin } = new URL(url);
  page.on('pageerror', (error) => faults.push(`error: ${error}`));
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && faults.push(`console: ${message.text()}`));
  page.on('request', (request) => {
    const to = new URL(request.url());
    if (to.protocol !== 'data:' && to.origin !== origin) faults.push(`request to ${to.origin}`);
  });
  page.setDefaultTimeout(PATIENCE);
}

export class Person {
  constructor(page) {
    this.page = page;
    this.question = page.locator('.messages article', { has: page.getByRole('button', { name: 'Approve', exact: true }) });
    this.outcome = page.locator('.release .outcome');
    this.headline = page.locator('.release h2');
    this.said = page.locator('.controls .note').first();
    this.confirm = page.locator('#confirm');
    this.modal = page.locator('#modal');
  }

  /** Presses a button of the strip. */
  async tries(name) {
    await this.page.locator('.controls').getByRole('button', { name, exact: true }).click();
  }

  /** Pushes an image that does this, and waits for its release to be the newest. Returns its short commit. */
  async pushes(what) {
    const before = await this.said.textContent();
    await this.tries(what);
    await this.until((words) => document.querySelector('.controls .note').textContent !== words, before);
    const words = await this.said.textContent();
    const commit = /pushed ([0-9a-f]{7})/.exec(words)?.[1];
    assert.ok(commit, words);
    await this.page.locator('.release .release-head', { hasText: commit }).waitFor();
    return commit;
  }

  /** Waits for the question about a commit. */
  async isAsked(commit) {
    const question = commit ? this.question.filter({ hasText: commit }) : this.question;
    await question.waitFor();
    return question;
  }

  /** Approves it, and says yes when asked whether that is meant. */
  async approves(commit) {
    const question = await this.isAsked(commit);
    await question.getByRole('button', { name: 'Approve', exact: true }).click();
    await this.confirm.getByRole('button', { name: 'Approve' }).click();
    await this.confirm.waitFor({ state: 'hidden' });
  }

  /** Waits until the newest release's outcome says this. */
  async sees(words) {
    await this.outcome.filter({ hasText: words }).waitFor();
  }

  /** Waits until the channel says this. */
  async reads(words) {
    await this.page.locator('.messages').getByText(words).first().waitFor({ state: 'attached' });
  }

  /** The version that a service runs in a stage, once it has settled. */
  async version(stage, service) {
    const row = this.page.locator('.cluster', { has: this.page.getByRole('heading', { name: new RegExp(`^${stage}`) }) })
      .locator('.service:not(.changing)', { has: this.page.getByText(service, { exact: true }) });
    return row.locator('.version.settled').textContent();
  }

  /** Goes on with Tab until a control of this name has the focus, which must be seen. */
  async tabsTo(name) {
    const visited = [];
    for (let steps = 0; steps < 80; steps += 1) {
      await this.page.keyboard.press('Tab');
      const { words, outline } = await this.page.evaluate(() => {
        const { activeElement: element } = document;
        return { words: element.innerText?.trim() || element.getAttribute('aria-label') || element.tagName, outline: getComputedStyle(element).outlineStyle };
      });
      visited.push(words.split('\n')[0]);
      if (words !== name) continue;
      assert.equal(outline, 'solid', `${name} has the focus, and it cannot be seen`);
      return;
    }
    assert.fail(`${name} cannot be reached with Tab, only ${visited.join(', ')}`);
  }

  async until(condition, argument) {
    await this.page.waitForFunction(condition, argument);
  }
}

/** What sticks out of the page to the right; elements in boxes that scroll by themselves do not count. */
export async function cutOff(page) {
  return page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const scrolls = (element) => element && (['auto', 'scroll', 'hidden'].includes(getComputedStyle(element).overflowX) || scrolls(element.parentElement));
    const out = [...document.body.querySelectorAll('*')].filter((element) => {
      const box = element.getBoundingClientRect();
      return box.width > 0 && box.right > width + 0.5 && !element.closest('.skip') && !scrolls(element.parentElement);
    });
    const wide = [...document.querySelectorAll('.messages, .panel, .said')].filter((element) => element.scrollWidth > element.clientWidth + 1);
    return [...out, ...wide].map((element) => `${element.tagName}.${element.className}: ${element.textContent.slice(0, 40)}`);
  });
}
