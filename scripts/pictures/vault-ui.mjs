// The web interface of OpenBao in a Chromium that Debian packages.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

/** Starts it without a window. It must be closed. */
export async function startChromium() {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox', // which refuses root, as whom a container runs it
      '--disable-gpu',
      // else text lies a part of a pixel elsewhere from one time to the next
      '--font-render-hinting=none',
      '--disable-font-subpixel-positioning',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/**
 * Opens a page of the interface (`/vault/secrets/…`) and signs in on the way, as a user of userpass.
 * @param {import('playwright-core').Browser} browser
 * @param {string} address
 * @param {{ readonly user: string, readonly password: string, readonly path: string }} visit
 */
export async function openVaultUi(browser, address, { user, password, path }) {
  const page = await browser.newPage({ viewport: { width: 1000, height: 700 } });
  page.setDefaultTimeout(60_000); // a busy machine takes its time
  await page.goto(`${address}/ui/vault/auth?with=userpass&redirect_to=${encodeURIComponent(path)}`);
  await page.getByLabel('Username').fill(user);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign In' }).click();
  await page.waitForURL(`${address}/ui${path}`);
  return page;
}

/**
 * Does what the guide's chapter on the interface says, with the token that it names, and takes a picture of each page:
 * `ui-sign-in.png` and so on. The last thing it does to the document is a new version of it, in which CURRENCY is EUR.
 * @param {import('playwright-core').Browser} browser
 * @param {{ readonly address: string, readonly token: string }} server - holds `secret/aiogram-shop`
 * @param {string} folder
 */
export async function photographUi(browser, server, folder) {
  const page = await browser.newPage({
    viewport: { width: 1100, height: 700 }, // the menu is folded away where it is narrower
    deviceScaleFactor: 2,
    locale: 'en-GB',
    timezoneId: 'UTC',
  });
  page.setDefaultTimeout(60_000);
  await sameTimes(page);
  const picture = async (name, shown = '.page-container section') => {
    await page.mouse.move(0, 0);
    const photograph = async () =>
      page.screenshot({ clip: await page.evaluate(surroundings, shown), animations: 'disabled' });
    // until nothing moves any more
    let [before, now] = [await photograph(), await photograph()];
    while (!now.equals(before)) [before, now] = [now, await photograph()];
    await writeFile(join(folder, `ui-${name}.png`), now);
  };
  const link = (text) =>
    page.locator('a').filter({ visible: true }).getByText(text, { exact: true });

  await page.goto(`${server.address}/ui/`);
  await page.getByRole('button', { name: 'Sign In' }).waitFor();
  await picture('sign-in', '.splash-page-container');
  await page.locator('input[name=token]').fill(server.token);
  await page.getByRole('button', { name: 'Sign In' }).click();

  await link('secret/').click();
  await page.locator('.close-button').click(); // that the root token is not kept
  await link('aiogram-shop').waitFor();
  await picture('list', '.page-container section, nav');

  await link('aiogram-shop').click();
  await page.getByText('Version created').waitFor();
  await picture('secret');

  await link('Create new version').click();
  await page.locator('textarea[name=CURRENCY]').fill('EUR');
  await picture('edit');
  await page.getByRole('button', { name: 'Save' }).click();

  await page.getByRole('button', { name: 'Version 3' }).click();
  await page.getByText('View version history').click();
  await page.locator('.list-item-row').nth(2).waitFor();
  await picture('versions');

  await link('Policies').click();
  await link('aiogram-shop').click();
  await page.getByText('secret/data/aiogram-shop').waitFor();
  await picture('policy');
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  await page.close();
}

/** In the page: as wide as these elements, and as high as what is shown in them, with a margin. */
function surroundings(selectors) {
  const margin = 20;
  const elements = [...document.querySelectorAll(selectors)];
  const outer = elements.map((element) => element.getBoundingClientRect());
  const leaves = elements
    .flatMap((element) => [...element.querySelectorAll('*')])
    .filter(({ children }) => children.length === 0)
    .map((leaf) => leaf.getBoundingClientRect())
    .filter(({ width, height }) => width > 1 && height > 1);
  const x = Math.min(...outer.map(({ left }) => left));
  const y = Math.max(0, Math.min(...leaves.map(({ top }) => top)) - margin);
  const bottom = Math.min(innerHeight, Math.max(...leaves.map((leaf) => leaf.bottom)) + margin);
  return { x, y, width: Math.max(...outer.map(({ right }) => right)) - x, height: bottom - y };
}

/** Every time that the server says is one and the same. */
async function sameTimes(page) {
  await page.route('**/v1/**', async (route) => {
    const response = await route.fetch();
    const body = (await response.text()).replaceAll(
      /"\d{4}-\d\d-\d\dT[\d:.]+Z"/g,
      '"2026-11-24T09:00:00Z"',
    );
    await route.fulfill({ response, body });
  });
}
