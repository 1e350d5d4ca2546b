// The real demo as a process of its own, and Debian's Chromium to look at its page.
//
// Whoever starts one ends it, also after a failure: by its own pid, with the signal of Ctrl-C.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const { chromium } = createRequire(join(root, '.cache/browser/package.json'))('playwright-core');
const program = join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'debug/gantry-local');

/** Starts a demo and waits for its page's address. `flags` as on the command line. */
export async function startDemo(...flags) {
  const child = spawn(program, ['demo', ...flags], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const lines = [];
  const ended = once(child, 'exit');
  const atExit = () => child.kill('SIGINT');
  process.once('exit', atExit);
  createInterface({ input: child.stderr }).on('line', (line) => lines.push(line));
  const url = new Promise((found) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      const address = /http:\/\/127\.0\.0\.1:\d+\/page/.exec(line);
      if (address) found(address[0]);
    });
  });
  const early = ended.then(([code]) => { throw new Error(`the demo ended with ${code} before it stood:\n${lines.join('\n')}`); });
  early.catch(() => {});
  return {
    url: await Promise.race([url, early]),
    /** What it has printed so far. */
    told: () => lines.join('\n'),
    /** Its exit code, once it has ended by itself. */
    code: async () => (await ended)[0],
    /** Ends it as Ctrl-C does, and waits for that. */
    async end() {
      process.off('exit', atExit);
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGINT');
      await ended;
    },
  };
}

/** Starts a browser with a profile of its own, which is removed at its end. */
export async function startBrowser() {
  const profile = await mkdtemp(join(tmpdir(), 'gantry-browser-'));
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', `--crash-dumps-dir=${profile}`],
  });
  return {
    /** A tab that sees the page as such a person does. */
    async open(url, { width = 1360, height = 1000, dark = false } = {}) {
      const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? 'dark' : 'light', reducedMotion: 'reduce', locale: 'en-GB', timezoneId: 'UTC' });
      const page = await context.newPage();
      await page.goto(url);
      await page.locator('.link.on').waitFor();
      return page;
    },
    async end() {
      await browser.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}
