import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { sopsProvider } from '../src/index.ts';
import { fixtureNames, fixturePath, keyPath, nowhere, recipientOf } from './fixtures.ts';
import { sops } from './real-sops.ts';

// The real sops opens what we share, for exactly those with whom it is shared.

const two = recipientOf('two.txt');
const ed25519 = recipientOf('ed25519.pub');
const rsa = recipientOf('rsa.pub');

let folder: string;
beforeEach(async () => {
  folder = await testFolder();
});

/** What sops reads with one key alone, as JSON or as it stands; `undefined` if it cannot open the file. */
function bySops(path: string, key: string, ...args: readonly string[]): string | undefined {
  const none = { SOPS_AGE_KEY_FILE: '/dev/null', SOPS_AGE_SSH_PRIVATE_KEY_FILE: '/dev/null' };
  const variable = key.endsWith('.txt') ? 'SOPS_AGE_KEY_FILE' : 'SOPS_AGE_SSH_PRIVATE_KEY_FILE';
  const { status, output } = sops(['decrypt', ...args, path], {
    env: { ...none, [variable]: keyPath(key) },
  });
  expect([0, 128]).toContain(status);
  return status === 0 ? output : undefined;
}

const shareable = fixtureNames.filter((name) => !/groups|documents|pgp|ed25519|rsa/.test(name));

test.each(shareable)('sops opens %s with each key that it is shared with', async (name) => {
  const path = join(folder, name);
  copyFileSync(fixturePath(name), path);
  const provider = sopsProvider({ path, ageKeyFile: keyPath('one.txt'), environment: nowhere });
  const before = bySops(path, 'one.txt');
  expect(before).toBeDefined();
  await provider.share({ add: [two, ed25519, rsa] });
  for (const key of ['one.txt', 'two.txt', 'ed25519', 'rsa'])
    expect(bySops(path, key)).toBe(before);

  // comments and layout too are as sops prints them from the old file
  await provider.share({ remove: [two, rsa] });
  for (const key of ['one.txt', 'ed25519']) expect(bySops(path, key)).toBe(before);
  for (const key of ['two.txt', 'rsa']) expect(bySops(path, key)).toBeUndefined();

  // and sops goes on from there, with the recipients that it would have written
  expect(sops(['rotate', '--in-place', '--add-age', two, path]).status).toBe(0);
  expect(bySops(path, 'two.txt')).toBe(before);
  await provider.share({ remove: [two] });
  expect(bySops(path, 'two.txt')).toBeUndefined();
  expect(bySops(path, 'one.txt')).toBe(before);
});

test('sops writes the file that we have shared in the same layout, by its own rotation', async () => {
  for (const name of ['all.yaml', 'all.json', 'all.env']) {
    const path = join(folder, `layout.${name}`);
    copyFileSync(fixturePath(name), path);
    const provider = sopsProvider({ path, ageKeyFile: keyPath('one.txt'), environment: nowhere });
    await provider.share({ add: [two, ed25519] });
    const ours = readFileSync(path, 'utf8');
    expect(sops(['rotate', '--in-place', path]).status).toBe(0);
    const shape = (text: string) =>
      text
        .replace(/ENC\[[^\]]+\]/g, 'ENC')
        .replace(/^ *[A-Za-z0-9+/=]{20,}$/gm, 'LINE')
        .replace(/-----BEGIN AGE.*?END AGE[^"\n]*?-----/gs, 'AGE')
        .replace(/\d{4}-\d\d-\d\dT[\d:]+Z/g, 'TIME');
    expect(shape(readFileSync(path, 'utf8'))).toBe(shape(ours));
  }
});

test('`sops updatekeys` finds nothing to do where .sops.yaml names the same recipients', async () => {
  const path = join(folder, 'team.enc.yaml');
  copyFileSync(fixturePath('all.yaml'), path);
  const provider = sopsProvider({ path, ageKeyFile: keyPath('one.txt'), environment: nowhere });
  await provider.share({ add: [two] });
  const ours = readFileSync(path);
  const config = join(folder, 'config.yaml');
  const recipients = [recipientOf('one.txt'), two].join(',');
  writeFileSync(config, `creation_rules:\n  - age: ${recipients}\n`);
  expect(sops(['--config', config, 'updatekeys', '--yes', path]).status).toBe(0);
  expect(readFileSync(path)).toEqual(ours);
});
