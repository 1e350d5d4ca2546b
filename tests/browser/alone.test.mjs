// A demo that clicks by itself: it offers no buttons of its own, and ends by itself with an exit code.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startBrowser, startDemo } from './demo.mjs';

test('a demo that rejects by itself shows no buttons, and ends with 0', async () => {
  const browser = await startBrowser();
  const demo = await startDemo('--reject', '--factor', '100');
  try {
    const page = await browser.open(demo.url);
    await page.locator('.release').waitFor();
    assert.equal(await page.locator('.controls').count(), 0);
    assert.equal(await demo.code(), 0, demo.told());
  } finally {
    await browser.end();
    await demo.end();
  }
});
