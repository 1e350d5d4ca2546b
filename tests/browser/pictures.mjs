// Takes the README's pictures: people are asked, on a screen and on a phone, and what happens when production breaks.

import { mkdir, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { startBrowser, startDemo } from './demo.mjs';
import { PATIENCE, Person } from './person.mjs';

const directory = fileURLToPath(new URL('../../docs/pictures/', import.meta.url));
/** Larger ones make the page that shows them slow. */
const LARGEST = 250_000;

/** Takes a picture of the whole view, or of what lies between two elements. */
async function take(page, name, from, to) {
  const path = `${directory}${name}.png`;
  let clip;
  if (from) {
    const [first, last] = [await page.locator(from).boundingBox(), await page.locator(to).boundingBox()];
    clip = { x: first.x - 8, y: first.y - 8, width: Math.max(first.width, last.width) + 16, height: last.y + last.height - first.y + 16 };
  }
  await page.screenshot({ path, clip, fullPage: clip !== undefined });
  const { size } = await stat(path);
  if (size > LARGEST) throw new Error(`${path} has ${size} bytes, more than ${LARGEST}`);
  console.log(`docs/pictures/${name}.png, ${Math.round(size / 1000)} kB`);
}

await mkdir(directory, { recursive: true });
const browser = await startBrowser();
// Slow enough that each moment can be caught.
const demo = await startDemo('--factor', '30');
try {
  const page = await browser.open(demo.url, { width: 1240, height: 860 });
  page.setDefaultTimeout(PATIENCE);
  const person = new Person(page);
  await person.isAsked();
  await take(page, 'asked');
  const phone = await browser.open(demo.url, { width: 390, height: 844, dark: true });
  await phone.locator('#slack').scrollIntoViewIfNeeded();
  await phone.getByRole('button', { name: 'Approve', exact: true }).scrollIntoViewIfNeeded();
  await take(phone, 'phone');
  await phone.context().close();

  await person.approves(await person.pushes('crashes in production'));
  const production = page.locator('.cluster', { has: page.getByRole('heading', { name: /^Production/ }) });
  await production.locator('.task.new').first().waitFor();
  await take(page, 'break-1-changing', '#road', '#ecs');
  await production.locator('.task.sick').nth(2).waitFor();
  await take(page, 'break-2-crashing', '#road', '#ecs');
  await person.sees('Rolled back');
  await page.getByRole('button', { name: 'Resume' }).waitFor();
  await take(page, 'break-3-back', '#road', '#ecs');
} finally {
  await browser.end();
  await demo.end();
}
