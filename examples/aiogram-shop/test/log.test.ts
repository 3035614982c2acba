import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecrets, memoryProvider } from '@keyfall/core';
import Sqlite from 'libsql';
import { expect, it } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { secretNames, settingNames } from '../src/config.ts';
import { createLog, describeError, ShopError } from '../src/log.ts';
import { canaries, settings } from './fixtures.ts';

it('writes lines of JSON without a secret, even where one gets into a line', async () => {
  const file = join(await testFolder(), 'log');
  const { log, maskBy } = createLog(file);
  const except = settingNames.filter((name) => !secretNames.includes(name));
  const secrets = createSecrets({ providers: [memoryProvider(settings)], redact: { except } });
  maskBy(secrets.redact);
  await secrets.getAll();
  log(`TOKEN is "${canaries.TOKEN}" and help is at ${settings['SUPPORT_LINK']}`, 'warn');
  expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({
    level: 40,
    time: expect.any(Number),
    msg: 'TOKEN is "[redacted]" and help is at https://t.me/tea_support',
  });
});

it('counts every setting that holds a canary among the secrets', () => {
  expect([...secretNames].sort()).toEqual(Object.keys(canaries).sort());
});

it('describes a failure of the database by its code, and one of our own by its message', () => {
  const error = new Sqlite.SqliteError(`near "${canaries.DB_PASS}"`, 'SQLITE_FULL', 13);
  expect(describeError(error)).toBe('the database answered SQLITE_FULL');
  expect(describeError(new ShopError('Redis does not listen'))).toBe('Redis does not listen');
});
