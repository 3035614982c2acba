import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assertNoLeak } from '@keyfall/testkit';
import { describe, expect, test } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { decryptSopsFile, sopsProvider } from '../src/index.ts';
import {
  expectedText,
  fixture,
  fixtureNames,
  fixturePath,
  keyPath,
  nowhere,
  secretOf,
} from './fixtures.ts';
import { context, valuesOf } from './store.ts';
import { oneOfEachKind, tamperedFixtures, tampersOf } from './tampers.ts';
import { wronglyJudged } from './verdicts.ts';

const withOne = { ageKeyFile: keyPath('one.txt'), environment: nowhere };
const ssh: Readonly<Record<string, string>> = { 'ed25519.yaml': 'ed25519', 'rsa.yaml': 'rsa' };
const special = ['documents.yaml', 'large.yaml', 'all-groups.yaml', 'pgp.yaml', 'pgp.env'];
const plain = fixtureNames.filter((name) => !special.includes(name) && name !== 'pgp-or-age.yaml');

describe('a file that the real sops encrypted', () => {
  test.each(plain)('%s is read as sops reads it', async (name) => {
    const ageKeyFile = keyPath(ssh[name] ?? 'one.txt');
    const document = await decryptSopsFile(fixturePath(name), { ...withOne, ageKeyFile });
    expect(JSON.parse(JSON.stringify(document))).toEqual(JSON.parse(expectedText(name)));
    expect(Object.keys(document).sort()).toEqual(
      Object.keys(JSON.parse(expectedText(name))).sort(),
    );
  });

  test('keeps every digit of whole numbers', async () => {
    const path = fixturePath('large.yaml');
    expect({ ...(await decryptSopsFile(path, withOne)) }).toEqual({
      largest: 9223372036854775807n,
      beyond: 9007199254740993n,
      smallest: -9223372036854775808n,
      float: Number('12345678901234567890123'),
    });
    expect({
      ...valuesOf(await sopsProvider({ path, ...withOne }).read('all', context())),
    }).toEqual({
      largest: '9223372036854775807',
      beyond: '9007199254740993',
      smallest: '-9223372036854775808',
      float: '12345678901234568000000',
    });
  });

  test('with several documents is refused by every call, since sops shows the first alone', async () => {
    const path = fixturePath('documents.yaml');
    expect(JSON.parse(expectedText('documents.yaml'))).not.toHaveProperty('second');
    const provider = sopsProvider({ path, ...withOne });
    const changes = { entries: new Map([['added', 'new-canary']]) };
    for (const ask of [
      () => decryptSopsFile(path, withOne),
      () => provider.read('all', context()),
      async () => provider.write?.(changes, context()),
    ]) {
      const error = await ask().catch((thrown) => thrown);
      expect(error).toMatchObject({ code: 'ERR_SECRET_UNSUPPORTED', provider: 'sops' });
      expect(error.message).toContain('several documents');
      assertNoLeak(['canary'], error);
    }
    expect(fixture('documents.yaml')).not.toContain('added');
  });

  test('may have a later document without names', async () => {
    const folder = await testFolder();
    const path = join(folder, 'more.yaml');
    await writeFile(path, `${fixture('all.yaml')}---\n# nothing\n`);
    const all = await decryptSopsFile(fixturePath('all.yaml'), withOne);
    expect(await decryptSopsFile(path, withOne)).toEqual(all);
  });

  test('that is binary to sops by its name is one value, and has no names to write', async () => {
    const path = fixturePath('token');
    const provider = sopsProvider({ path, ...withOne });
    const { data } = JSON.parse(expectedText('token'));
    expect(data).toBe('binary-canary\nof two lines\n');
    expect(valuesOf(await provider.read('all', context()))).toEqual({ data });
    const written = provider.write?.({ entries: new Map([['data', 'new-canary']]) }, context());
    await expect(written).rejects.toMatchObject({ code: 'ERR_SECRET_UNSUPPORTED', applied: 'no' });
  });

  test('in another format than its name says is refused, with what to do', async () => {
    const folder = await testFolder();
    const path = join(folder, 'secrets.enc');
    await writeFile(path, fixture('all.yaml'));
    await expect(decryptSopsFile(path, withOne)).rejects.toMatchObject({
      code: 'ERR_SECRET_INVALID',
      hint: expect.stringMatching(/\bformat\b/),
    });
    const all = await decryptSopsFile(fixturePath('all.yaml'), withOne);
    expect(await decryptSopsFile(path, { ...withOne, format: 'yaml' })).toEqual(all);
  });

  test('for PGP and age is opened by age', async () => {
    const document = await decryptSopsFile(fixturePath('pgp-or-age.yaml'), withOne);
    expect(document['password']).toBe('one-canary');
  });

  test.each(['two.txt', 'three.txt'])(
    'stays closed to %s, which opens one of three groups where two are needed, and is not called broken',
    async (key) => {
      for (const ending of ['yaml', 'json', 'env', 'ini'])
        await expect(
          decryptSopsFile(fixturePath(`groups.${ending}`), {
            ageKeyFile: keyPath(key),
            environment: nowhere,
          }),
        ).rejects.toMatchObject({
          code: 'ERR_SECRET_UNAUTHENTICATED',
          hint: expect.stringContaining('2 groups of'),
        });
    },
  );

  test('is opened by two keys of different groups together', async () => {
    const ageKey = `${secretOf('two.txt')}\n${secretOf('three.txt')}`;
    const opened = await decryptSopsFile(fixturePath('groups.yaml'), {
      ageKey,
      environment: nowhere,
    });
    expect(opened).toEqual(await decryptSopsFile(fixturePath('all.yaml'), withOne));
  });

  test('stays closed if not all of its groups are ours', async () => {
    await expect(decryptSopsFile(fixturePath('all-groups.yaml'), withOne)).rejects.toMatchObject({
      code: 'ERR_SECRET_UNAUTHENTICATED',
    });
  });
});

// All of them are judged in verdicts.provisioned.test.ts.
test.each(tamperedFixtures)(
  'one tampering of each kind with %s is refused where sops refuses it, and else read as sops reads it',
  async (name) => {
    expect(await wronglyJudged(name, oneOfEachKind(tampersOf(name)))).toEqual([]);
  },
);
