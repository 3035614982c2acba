/**
 * Whose reading a provider of a `.env` takes, and what it says where that is not said.
 */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the readers' own notation
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecrets, memoryProvider, readOnly, withPrefix } from '@keyfall/core';
import { expect, test } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { type DotenvProviderOptions, dotenvProvider } from '../src/index.ts';
import { context } from './store.ts';

async function fileWith(text: string, name = '.env'): Promise<string> {
  const path = join(await testFolder(), name);
  await writeFile(path, text);
  return path;
}

async function valuesOf(text: string, options: DotenvProviderOptions): Promise<object> {
  const provider = dotenvProvider({ path: await fileWith(text), ...options });
  return { ...(await createSecrets({ providers: [provider] }).getAll()) };
}

const text = 'DB_PASS=Tea$hop#2024\nTABBED="a\\tb"\nURL=\'x://${HOST}/\'\n';

test.each([
  ['npm', { DB_PASS: 'Tea$hop', TABBED: 'a\\tb', URL: 'x://${HOST}/' }],
  ['python', { DB_PASS: 'Tea$hop#2024', TABBED: 'a\tb', URL: 'x://h/' }],
  ['node', { DB_PASS: 'Tea$hop', TABBED: 'a\\tb', URL: 'x://${HOST}/' }],
  ['compose', { DB_PASS: 'Tea#2024', TABBED: 'a\tb', URL: 'x://${HOST}/' }],
] as const)('the reader %s reads its own values', async (reader, values) => {
  expect(await valuesOf(text, { reader, variables: { HOST: 'h' } })).toEqual(values);
  // as the file says itself; the option goes before it
  const said = `KEYFALL_READER=${reader}\n${text}`;
  const variables = { HOST: 'h' };
  expect(await valuesOf(said, { variables })).toMatchObject(values);
  expect(await valuesOf(said, { reader: 'npm', variables })).toMatchObject({ DB_PASS: 'Tea$hop' });
});

test('a value that only a shell can find out is an error of its name, and nothing is run', async () => {
  const path = await fileWith('A=1\nB="$(touch ran)"\n');
  const secrets = createSecrets({ providers: [dotenvProvider({ path, reader: 'shell' })] });
  expect(await secrets.get('A')).toBe('1');
  await expect(secrets.get('B')).rejects.toMatchObject({ code: 'ERR_SECRET_INVALID' });
});

test.each([
  ['shell', 'A=1\ntouch ran\n'],
  ['compose', 'A=1\nB="x\n'],
] as const)(
  'a file that the reader %s refuses is invalid, with the line',
  async (reader, content) => {
    const error = await valuesOf(content, { reader }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ERR_SECRET_INVALID' });
    expect(String(error)).toContain('line 2 ');
  },
);

test.each(['KEYFALL_READER=pyton\n', "KEYFALL_READER='node\n"])(
  'the line %j in a file is refused',
  async (content) => {
    await expect(valuesOf(content, {})).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFIG',
      setting: { variable: 'KEYFALL_READER' },
    });
  },
);

test('readings returns the names of the last read on which readers differ', async () => {
  const path = await fileWith('MY_A=a#b\nMY_B=1\n');
  const provider = dotenvProvider({ path });
  const outer = readOnly(withPrefix(provider, 'MY_'));
  expect(await outer.readings?.(context())).toEqual([]);
  await outer.read('all', context());
  const [reading, ...others] = (await outer.readings?.(context())) ?? [];
  expect(others).toEqual([]);
  expect(reading?.name).toBe('A');
  expect(reading?.readers).toContainEqual(expect.arrayContaining(['python', 'compose', 'shell']));
  await writeFile(path, 'MY_A=1\n');
  await outer.read('all', context());
  expect(await outer.readings?.(context())).toEqual([]);
});

test('a chain as a provider returns the readings of the names that come from the file', async () => {
  const path = await fileWith('A=a#b\nB=a#b\n');
  const chain = createSecrets({
    providers: [memoryProvider({ A: 'of the store' }), dotenvProvider({ path })],
  }).asProvider();
  await chain.read('all', context());
  const readings = (await chain.readings?.(context())) ?? [];
  expect(readings.map(({ name }) => name)).toEqual(['B']);
});

test('a Node program is warned once if node --env-file reads a name differently', async () => {
  const warnings = async (content: string, options: DotenvProviderOptions = {}) => {
    const told: string[] = [];
    const path = await fileWith(content);
    const secrets = createSecrets({ providers: [dotenvProvider({ path, ...options })], ttl: 0 });
    secrets.on('warning', ({ message }) => told.push(message));
    await secrets.getAll();
    await secrets.getAll();
    return told.filter((message) => message.includes('--env-file'));
  };
  const odd = "A='it\\'s'\nB=1\n";
  expect(await warnings(odd)).toEqual([expect.stringMatching(/ A of .* differently/)]);
  expect(await warnings(odd, { reader: 'npm' })).toEqual([]);
  expect(await warnings(odd, { warnOfReaders: false })).toEqual([]);
  expect(await warnings('A=1\n')).toEqual([]);
});

test('a write is read back by its reader, with a warning if others read it differently', async () => {
  const path = await fileWith('# bot\nDB_PASS=Tea$hop#2024\n');
  const secrets = createSecrets({ providers: [dotenvProvider({ path, reader: 'python' })] });
  const told: string[] = [];
  secrets.on('warning', ({ message }) => told.push(message));
  await secrets.set('DB_PASS', 'new#1');
  expect(await readFile(path, 'utf8')).toBe("# bot\nDB_PASS='new#1'\n");
  expect(told.filter((message) => message.includes('differently'))).toEqual([]);
  await secrets.set('TEMPLATE', '${X}');
  expect(await secrets.get('TEMPLATE')).toBe('${X}');
  expect(told.join()).toMatch(/TEMPLATE differently/);
  await secrets.delete('DB_PASS');
  expect(await readFile(path, 'utf8')).not.toContain('DB_PASS');
});

test.each([
  ['A=1\nB=${A}x\n', 'C=1\n', {}, undefined],
  ['A=1\nB=${A}x\n', 'A=2\n', {}, 'B'],
  ['A=1\nB=${A}x\n', 'A=2\nB=3\n', {}, undefined],
  ['A=1\n', 'C=${A}\n', {}, 'C'],
  ['A=1\n', 'A=2\nC=${A}\n', {}, undefined],
  ['A=1\n', 'C=${A}\n', { A: 'inherited' }, undefined],
])(
  'python, %j and then %j: a value that depends on the order of loading causes a warning',
  async (first, second, variables, told) => {
    const path = [await fileWith(first), await fileWith(second)];
    const said: string[] = [];
    const warn = (message: string) => void said.push(message);
    const provider = dotenvProvider({ path, reader: 'python', variables });
    await provider.read('all', { ...context(), warn });
    const found = said.filter((message) => message.includes('load_dotenv()'));
    expect(found.map((message) => message.split(' ')[0])).toEqual(told === undefined ? [] : [told]);
    const other = dotenvProvider({ path, reader: 'compose', variables });
    said.length = 0;
    await other.read('all', { ...context(), warn });
    expect(said.join()).not.toContain('load_dotenv()');
  },
);
