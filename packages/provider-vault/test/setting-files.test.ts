/** Files that are read while somebody writes them. */
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { readSettingFile } from '../src/environment/setting-files.ts';
import { certificatesIn, holdsKey } from '../src/settings/tls-settings.ts';

let folder: string;
beforeEach(async () => {
  folder = await testFolder();
});

test('a file that is empty while it is written is read when it is written', async () => {
  const file = join(folder, 'secret-id');
  await writeFile(file, '');
  const reading = readSettingFile(file);
  for (let looks = 0; looks < 10; looks += 1) await stat(file); // it has been looked at meanwhile
  await writeFile(file, 'the secret id');
  expect(await reading).toBe('the secret id');
});

test('a file that stays empty is empty', async () => {
  const file = join(folder, 'empty');
  await writeFile(file, '\n');
  expect(await readSettingFile(file)).toBe('\n');
});

test('a PEM text counts only if every block in it is whole', () => {
  const block = (kind: string) => `-----BEGIN ${kind}-----\nMAo=\n-----END ${kind}-----\n`;
  expect(holdsKey(block('PRIVATE KEY'))).toBe(true);
  expect(holdsKey(block('EC PARAMETERS') + block('EC PRIVATE KEY'))).toBe(true);
  for (const broken of ['', 'text', block('CERTIFICATE'), block('PRIVATE KEY').slice(0, 40)])
    expect(holdsKey(broken)).toBe(false);
  expect(holdsKey(block('PRIVATE KEY') + block('CERTIFICATE').slice(0, 40))).toBe(false);
  for (const broken of ['', 'text', block('PRIVATE KEY'), block('CERTIFICATE')])
    expect(certificatesIn(broken)).toBe(0);
});
