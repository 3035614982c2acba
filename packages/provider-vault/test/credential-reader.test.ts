/**
 * Where a credential of a login comes from, and what a program learns when it is not there.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assertNoLeak } from '@keyfall/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readCredential } from '../src/auth/credential-reader.ts';
import type { CredentialSource } from '../src/auth/vault-auth.ts';
import { canary } from './harness.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'credential-'));
});
afterEach(() => rm(folder, { recursive: true }));

const read = (source: unknown, env: Record<string, string> = {}) => {
  const credentialVariables = new Set<string>();
  const reader = { provider: 'vault', env, credentialVariables };
  return readCredential(source as CredentialSource, 'the secret id', reader).then(
    (text) => ({ text, variables: [...credentialVariables] }),
    (error: unknown) => error,
  );
};

test('a credential is read from text, a variable, a file or a function', async () => {
  const file = join(folder, 'secret-id');
  await writeFile(file, 'of the file\n');
  expect(await read('of the option')).toMatchObject({ text: 'of the option', variables: [] });
  expect(await read({ env: 'SECRET_ID' }, { SECRET_ID: 'of the variable' })).toEqual({
    text: 'of the variable',
    variables: ['SECRET_ID'],
  });
  expect(await read({ file })).toMatchObject({ text: 'of the file' });
  expect(await read(async () => 'of the function')).toMatchObject({ text: 'of the function' });
});

test.each<[string, unknown, Record<string, string>, object]>([
  [
    'a variable that is not set',
    { env: 'SECRET_ID' },
    {},
    { variable: 'SECRET_ID', isMissing: true },
  ],
  ['a variable that is empty', { env: 'SECRET_ID' }, { SECRET_ID: ' ' }, { variable: 'SECRET_ID' }],
  ['no source', undefined, {}, { isMissing: true }],
  ['a number', 7, {}, { isMissing: true }],
  ['a file that does not exist', { file: '/nowhere/secret-id' }, {}, { isMissing: true }],
  ['a folder', { file: '/' }, {}, {}],
  ['a function that returns nothing', () => undefined, {}, { isMissing: true }],
])('%s is an error of the settings that says which one', async (_, source, env, setting) => {
  const error = await read(source, env);
  expect(error).toMatchObject({ code: 'ERR_SECRET_CONFIG', provider: 'vault' });
  expect((error as { setting: object }).setting).toEqual({ option: 'auth', ...setting });
});

test('a value in the place of the name of a variable is not shown', async () => {
  const value = canary();
  const error = await read({ env: value });
  expect(error).toMatchObject({ code: 'ERR_SECRET_CONFIG', setting: { option: 'auth' } });
  assertNoLeak([value], error);
});
