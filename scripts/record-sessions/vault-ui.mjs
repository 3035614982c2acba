// The web interface of OpenBao in a Chromium that Debian packages.
import { chromium } from 'playwright-core';

/** Starts it without a window. It must be closed. */
export async function startChromium() {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox', // which refuses root, as whom a container runs it
      '--disable-gpu',
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
