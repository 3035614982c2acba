// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is dotenv-expand's own notation
import { readFile, writeFile } from 'node:fs/promises';
import { createSecrets, isSecretError } from '@keyfall/core';
import { assertNoLeak } from '@keyfall/testkit';
import { expand } from 'dotenv-expand';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dotenvProvider } from '../src/index.ts';
import { expandValues } from '../src/readers/expand-dotenv.ts';
import { folderForEachTest, path } from './folder.ts';
import { context } from './store.ts';

folderForEachTest();

const canary = 'c4n4ry-7f3a9e';

const names = ['A', 'B', 'C', 'null', 'D_1'];
const pieces = fc.constantFrom(
  ...['$', '${', '}', 'A', 'B', 'C', '$A', '$B', '${A}', '${B}', '${C:-x}', '${D-$A}', '${A:+y}'],
  ...['${A+${B}}', '\\', '\\$', '$$', '$&', "$'", '$`', ':-', '-', '+', ':', 'x', ' ', '\n'],
  ...['$null', '${null}', '${nullA}', '$D_1', '${}', '$1', 'é'],
);
const files = fc.uniqueArray(
  fc.tuple(
    fc.constantFrom(...names),
    fc.array(pieces, { maxLength: 6 }).map((some) => some.join('')),
  ),
  { selector: ([name]) => name, maxLength: 5 },
);

describe('expandValues', () => {
  test('expandValues returns what dotenv-expand returns, wherever that ends', async () => {
    let compared = 0;
    fc.assert(
      fc.property(files, (pairs) => {
        let ours: Map<string, string>;
        try {
          ours = expandValues(new Map(pairs), 'dotenv');
        } catch (error) {
          // It would not end there either, and so cannot be asked.
          expect(isSecretError(error, 'ERR_SECRET_INVALID')).toBe(true);
          return;
        }
        compared += 1;
        const { parsed } = expand({ parsed: Object.fromEntries(pairs), processEnv: {} });
        expect(Object.fromEntries(ours)).toEqual(parsed);
      }),
      { numRuns: 3_000 },
    );
    expect(compared).toBeGreaterThan(2_500);
  });

  test.each([
    ['a value that comes to hold its own name', { A: '\\$A\\$A', B: 'x$A' }],
    [
      'doubling',
      Object.fromEntries(
        Array.from({ length: 60 }, (_, i) => [`N${i}`, i === 0 ? canary : `$N${i - 1}$N${i - 1}`]),
      ),
    ],
  ])('expandValues ends where dotenv-expand does not: %s', (_, values) => {
    const call = () => expandValues(new Map(Object.entries(values)), 'dotenv');
    expect(call).toThrow(expect.objectContaining({ code: 'ERR_SECRET_INVALID' }));
    try {
      call();
    } catch (error) {
      assertNoLeak([canary], error);
    }
  });

  test('expandValues ends before a text exceeds the memory', () => {
    const values = new Map([
      ['A', "$'".repeat(100_000)],
      ['B', `$A ${canary.repeat(100_000)}`],
    ]);
    expect(() => expandValues(values, 'dotenv')).toThrow(
      expect.objectContaining({ code: 'ERR_SECRET_INVALID', secretName: 'B' }),
    );
  });

  test('names of object members are names like any other', () => {
    const values = new Map([
      ['A', '$constructor'],
      ['constructor', 'x'],
      ['B', '${toString:-y}$constructor'],
    ]);
    expect([...expandValues(values, 'dotenv').values()]).toEqual(['', 'x', 'yx']);
  });
});

const valuesOf = async (options: object = {}) => {
  const { entries } = await dotenvProvider({ path, expand: true, ...options }).read(
    'all',
    context(),
  );
  return Object.fromEntries(
    [...entries].map(([name, entry]) => [name, isSecretError(entry) ? entry.code : entry.value]),
  );
};

describe('a provider that expands', () => {
  test('the option expand covers all files', async () => {
    await writeFile(path, 'HOST=a\nURL=http://$HOST/${DB:-main}\nRAW=\\$HOST\n');
    await writeFile(`${path}.local`, 'HOST=b\n');
    const files = { path: [path, `${path}.local`] };
    expect(await valuesOf(files)).toEqual({ HOST: 'b', URL: 'http://b/main', RAW: '$HOST' });
    expect(await valuesOf({ ...files, expand: false })).toMatchObject({
      URL: 'http://$HOST/${DB:-main}',
    });
  });

  test('expansion does not use the environment', async () => {
    process.env['KEYFALL_TEST_EXPAND'] = canary;
    await writeFile(path, 'A=x$KEYFALL_TEST_EXPAND\n');
    expect(await valuesOf()).toEqual({ A: 'x' });
    delete process.env['KEYFALL_TEST_EXPAND'];
  });

  test('a write adds only the backslashes that are needed', async () => {
    const secrets = createSecrets({ providers: [dotenvProvider({ path, expand: true })] });
    await secrets.set('A', 'pa$5');
    await secrets.set('B', 'pa$word');
    await secrets.set('C', 'C:\\$x');
    expect(await readFile(path, 'utf8')).toBe("A='pa$5'\nB='pa\\$word'\nC='C:\\\\$x'\n");
    await secrets.close();
  });

  test('a value that reads as intended already is not written', async () => {
    await writeFile(path, 'HOST=a\nURL=http://$HOST\n');
    const provider = dotenvProvider({ path, expand: true });
    const set = (name: string, value: string) =>
      provider.write?.({ entries: new Map([[name, value]]) }, context());
    await set('URL', 'http://a');
    expect(await readFile(path, 'utf8')).toBe('HOST=a\nURL=http://$HOST\n');
    await set('HOST', 'b');
    expect(await valuesOf()).toEqual({ HOST: 'b', URL: 'http://b' });
  });

  test('property: what was set is read back, or the write is refused', async () => {
    const value = fc.array(pieces, { maxLength: 6 }).map((some) => some.join(''));
    let written = 0;
    await fc.assert(
      fc.asyncProperty(files, fc.constantFrom(...names), value, async (pairs, name, text) => {
        const raw = pairs.filter(([, each]) => !/['\n]/.test(each));
        await writeFile(path, raw.map(([each, held]) => `${each}='${held}'\n`).join(''));
        const provider = dotenvProvider({ path, expand: true });
        const changes = { entries: new Map([[name, text]]) };
        try {
          await provider.write?.(changes, context());
        } catch (error) {
          expect(isSecretError(error) && error.code).toMatch(/_(?:UNSUPPORTED|INVALID)$/);
          return;
        }
        written += 1;
        expect((await valuesOf())[name]).toBe(text);
      }),
      { numRuns: 150 },
    );
    expect(written).toBeGreaterThan(100);
  });

  test('a file that grows without end is invalid', async () => {
    await writeFile(path, `A=\\$A\\$A\nB=${canary}$A\n`);
    const error: unknown = await valuesOf().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ERR_SECRET_INVALID', secretName: 'B' });
    assertNoLeak([canary], error);
  });
});
