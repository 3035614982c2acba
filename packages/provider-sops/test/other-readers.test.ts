/**
 * What is written here is opened by others, too: by the npm package sops-age, which shares nothing with this one but the
 * format. That the real sops opens it is held in `writing.provisioned.test.ts`.
 */
import { join } from 'node:path';
import { decryptSops } from 'sops-age';
import { expect, test } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { encryptSopsFile, sopsProvider } from '../src/index.ts';
import { keyPath, nowhere, recipientOf, secretOf } from './fixtures.ts';
import { context } from './store.ts';

const values = new Map([
  ['TOKEN', 'a "quoted" value, with $ and \\'],
  ['LINES', 'one\ntwo'],
  ['EMPTY', ''],
  ['OLD', 'before'],
]);

test.each(['yaml', 'json', 'env'])('sops-age opens a .%s file and its edits', async (ending) => {
  const path = join(await testFolder(), `secrets.enc.${ending}`);
  await encryptSopsFile(path, values, { ageRecipients: [recipientOf('one.txt')] });
  const provider = sopsProvider({
    path,
    ageKeyFile: keyPath('one.txt'),
    environment: nowhere,
  });
  const changes = new Map([
    ['OLD', 'after'],
    ['NEW', 'added'],
  ]);
  await provider.write?.({ entries: changes }, context());

  expect(await decryptSops({ path, secretKey: secretOf('one.txt') })).toEqual(
    Object.fromEntries([...values, ...changes]),
  );
});
