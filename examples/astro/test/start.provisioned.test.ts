import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assertNoLeak } from '@keyfall/testkit';
import { expect, test } from 'vitest';
import { canary, exampleVault, startExample, textsIn } from '../../../test/started-example.ts';

const folder = fileURLToPath(new URL('..', import.meta.url));

test('a page is made of what Vault holds, and no secret is in what the browser gets', async () => {
  const { server, settings } = await exampleVault({ GREETING: canary });
  const { address, stop } = await startExample(folder, {
    ASTRO_TELEMETRY_DISABLED: '1',
    ...settings,
  });
  const page = await (await fetch(address)).text();
  expect(page).toContain(`characters: ${canary.length}`);
  expect(page).toContain('in the browser');
  const files = await textsIn(join(folder, 'dist'));
  expect(files).toContain(page);
  // nor is the code there that reads it
  expect(files.join('\n')).not.toMatch(/ERR_SECRET_|GREETING/);
  assertNoLeak([canary, server.token], page, ...files, await stop());
});
