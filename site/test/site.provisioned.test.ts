/**
 * The site, built from nothing, in a real browser: on a phone and on a desktop, light and dark, by the keyboard alone,
 * without any other server.
 */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { codeBlocks } from '../../docs/test/markdown.ts';
import { errorPage } from '../../packages/cli/src/terminal/error-page.ts';
import { exitCodes } from '../../packages/cli/src/terminal/exit-code.ts';
import { startChromium } from '../../scripts/pictures/vault-ui.mjs';
import { base, origin, pageAt } from '../places.mjs';
import { serve } from './serve.ts';

// a page takes seconds where others use the machine
vi.setConfig({ testTimeout: 900_000, hookTimeout: 900_000 });

const site = fileURLToPath(new URL('..', import.meta.url));
const dist = join(site, 'dist');
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const [wide, narrow] = [
  { width: 1280, height: 900 },
  { width: 360, height: 740 },
] as const;
const desktop = { viewport: wide, colorScheme: 'light' } as const;
const phone = { viewport: narrow, colorScheme: 'dark' } as const;
/** The other two ways to look at a page: what differs there is the same on all pages, so that a few pages are enough. */
const others = [
  { viewport: wide, colorScheme: 'dark' },
  { viewport: narrow, colorScheme: 'light' },
] as const;
const few = ['', 'quick-start/', 'compare/', 'errors/ERR_SECRET_DENIED/'];

let server: Awaited<ReturnType<typeof serve>>;
let browser: Awaited<ReturnType<typeof startChromium>>;
/** Addresses outside of the site that a page has asked for. */
const outside: string[] = [];

beforeAll(async () => {
  // It fails if a link is dead. Vitest's own variables, such as BASE_URL, mean something to it.
  const { PATH, HOME } = process.env;
  await promisify(execFile)(process.execPath, [join(site, 'build.mjs')], { env: { PATH, HOME } });
  server = await serve(dist);
  browser = await startChromium();
});
afterAll(() => Promise.all([browser?.close(), server?.stop()]));

/** A page of the site that can reach no other server. */
async function open(path: string, options: typeof desktop | typeof phone = desktop): Promise<Page> {
  const page = await browser.newPage(options);
  page.setDefaultTimeout(120_000);
  await page.route('**', (route) => {
    const url = route.request().url();
    if (url.startsWith(server.address) || url.startsWith('data:')) return route.continue();
    outside.push(url);
    return route.abort();
  });
  await page.goto(server.address + path);
  return page;
}

/** Every page, as its path on the site. */
function everyPage(): string[] {
  return readdirSync(dist, { recursive: true, encoding: 'utf8' })
    .filter((file) => /(?:^|\/)index\.html$/.test(file))
    .map((file) => file.replace(/index\.html$/, ''))
    .sort();
}

const overflowOf = (page: Page): Promise<number> =>
  page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');

/** What axe finds, in one line each. */
async function findingsOf(page: Page): Promise<string[]> {
  const { violations }: AxeResults = await page.evaluate(
    `${axe}; axe.run({ resultTypes: ['violations'] })`,
  );
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target}`));
}

describe('every page', () => {
  test('fits a phone and a desktop, and axe finds nothing in it, light or dark', async () => {
    const pages = everyPage();
    expect(pages).toEqual(expect.arrayContaining(few));
    expect(pages.length).toBeGreaterThan(100);
    const found: string[] = [];
    const look = async (): Promise<void> => {
      for (let path = pages.pop(); path !== undefined; path = pages.pop()) {
        const page = await open(path, desktop);
        const looks = few.includes(path) ? [desktop, phone, ...others] : [desktop, phone];
        for (const { viewport, colorScheme } of looks) {
          await page.setViewportSize(viewport);
          await page.emulateMedia({ colorScheme });
          const at = `${path} at ${viewport.width}, ${colorScheme}`;
          const overflow = await overflowOf(page);
          if (overflow > 0) found.push(`${at}: ${overflow} px too wide`);
          for (const finding of await findingsOf(page)) found.push(`${at}: ${finding}`);
        }
        await page.close();
      }
    };
    await Promise.all([look(), look()]);
    expect(found).toEqual([]);
    expect(outside).toEqual([]);
  });

  test('has a button at each block of code that copies what the tests of the documents run', () => {
    const pages = join(site, 'pages');
    let count = 0;
    for (const file of readdirSync(pages, { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.md')) continue;
      const path = file === 'index.md' ? '' : `${pageAt(file)}/`;
      const html = readFileSync(join(dist, path, 'index.html'), 'utf8');
      const copied = [...html.matchAll(/data-code="([^"]*)"/g)].map(([, code = '']) =>
        unescaped(code).replaceAll('\u007f', '\n'),
      );
      const written = codeBlocks(readFileSync(join(pages, file), 'utf8'))
        .filter(({ language }) => language !== 'text')
        .map(({ text }) => withoutBlanks(text));
      expect([file, copied.map(withoutBlanks)]).toEqual([file, written]);
      count += copied.length;
    }
    expect(count).toBeGreaterThan(200);
  });
});

/** Without blanks at the ends of lines, which no reader sees. */
function withoutBlanks(text: string): string {
  return text.replace(/[ \t]+$/gm, '').trim();
}

/** The value of an attribute. */
function unescaped(text: string): string {
  return text
    .replace(/&#x([0-9a-f]+);/gi, (_, code: string) =>
      String.fromCodePoint(Number.parseInt(code, 16)),
    )
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .replaceAll('&quot;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}

test('the address that the command line prints is a page about the error', () => {
  for (const code of Object.keys(exitCodes) as (keyof typeof exitCodes)[]) {
    const path = errorPage(code).slice((origin + base).length);
    expect(readFileSync(join(dist, path, 'index.html'), 'utf8')).toContain(`<title>${code} |`);
  }
});

/** What has the focus, as it is read out. */
const focused = (page: Page): Promise<string> =>
  page.evaluate(
    `((element) => element.ariaLabel || element.title || element.textContent.trim())(document.activeElement)`,
  );

/** Presses Tab until this has the focus. */
async function tabTo(page: Page, label: RegExp): Promise<void> {
  for (let presses = 0; presses < 200; presses += 1) {
    await page.keyboard.press('Tab');
    if (label.test(await focused(page))) return;
  }
  throw new Error(`The keyboard does not come to ${label}.`);
}

describe('by the keyboard alone', () => {
  test('a reader skips to the text, and copies a command', async () => {
    const page = await open('quick-start/');
    onTestFinished(() => page.close());
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.keyboard.press('Tab');
    expect(await focused(page)).toBe('Skip to content');
    await page.keyboard.press('Enter');
    expect(page.url()).toContain('#_top');
    await tabTo(page, /^Copy to clipboard$/);
    await page.keyboard.press('Enter');
    await page.getByText('Copied!').first().waitFor();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe('npm init --yes');
  });

  test('a message is found by the search, which leads to its code', async () => {
    const page = await open('');
    onTestFinished(() => page.close());
    // it is loaded when the page has nothing else to do
    await page.locator('.pagefind-ui__search-input').waitFor({ state: 'attached' });
    await page.keyboard.press('Control+k');
    await page.keyboard.type('"nothing says whose reading counts"');
    const result = page
      .locator('.pagefind-ui__result-link')
      .filter({ hasText: 'Errors by message' });
    await result.first().waitFor();
    await tabTo(page, /^Errors by message$/);
    await page.keyboard.press('Enter');
    await page.waitForURL(/errors\/messages\//);
    await page.getByText('nothing says whose reading counts').first().waitFor();
  });

  test.each([
    ['403', 'errors/ERR_SECRET_DENIED/'],
    ['CERT_HAS_EXPIRED', 'errors/ERR_SECRET_TLS/'],
    ['docker', 'docker/'],
    ['cache', 'chain/'],
    ['KEYFALL_READER', 'errors/messages/'],
  ])('the search for %s finds the page about it first, and not its API', async (words, place) => {
    const page = await open('');
    onTestFinished(() => page.close());
    await page.locator('.pagefind-ui__search-input').waitFor({ state: 'attached' });
    await page.keyboard.press('Control+k');
    await page.keyboard.type(words);
    const first = page.locator('.pagefind-ui__result-link').first();
    // each letter that is typed has results of its own
    await page.locator('.pagefind-ui__message').getByText(`for ${words}`).waitFor();
    await expect.poll(() => first.getAttribute('href'), { timeout: 60_000 }).toBe(base + place);
  });

  test('the menu of a phone is opened, and closed again', async () => {
    const page = await open('local/', phone);
    onTestFinished(() => page.close());
    const link = page.getByRole('link', { name: 'Vault setup guide' }).first();
    expect(await link.isVisible()).toBe(false);
    await tabTo(page, /^Menu$/);
    await page.keyboard.press('Enter');
    await link.waitFor({ state: 'visible' });
    expect(await overflowOf(page)).toBe(0);
    expect(await findingsOf(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await link.waitFor({ state: 'hidden' });
  });

  test('light and dark can be chosen, and stay chosen', async () => {
    const page = await open('');
    onTestFinished(() => page.close());
    const theme = () => page.evaluate('document.documentElement.dataset.theme');
    expect(await theme()).toBe('light');
    await page.getByLabel('Select theme').first().focus();
    await page.keyboard.type('Dark');
    await vi.waitFor(async () => expect(await theme()).toBe('dark'));
    await page.goto(`${server.address}quick-start/`);
    expect(await theme()).toBe('dark');
    expect(await findingsOf(page)).toEqual([]);
  });
});
