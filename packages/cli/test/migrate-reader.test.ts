/**
 * Whose reading of a file is migrated: a person is asked where readers differ on what is moved, a script is
 * refused, and nothing is made of Keyfall's own credentials.
 */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the readers' own notation
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { memoryProvider } from '@keyfall/core';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type SettleOptions, settleReader } from '../src/migration/settle-reader.ts';
import { readSource, readStoreSource } from '../src/migration/source.ts';
import { folderWith } from './keyfall.ts';

const said: string[] = [];
let canPrompt = true;
vi.mock('../src/terminal/terminal.ts', async (original) => ({
  ...(await original<typeof import('../src/terminal/terminal.ts')>()),
  notice: (text: string) => said.push(text),
  canPrompt: () => canPrompt,
}));
const cancelled = Symbol('cancelled');
let answer: unknown;
const asked: {
  message: string;
  initialValue: string;
  options: unknown;
  signal: AbortSignal;
}[] = [];
vi.mock('../src/terminal/prompts.ts', () => ({
  select: async (question: (typeof asked)[number]) => {
    asked.push(question);
    return answer;
  },
  isCancel: (value: unknown) => value === cancelled,
}));
afterEach(() => {
  vi.unstubAllEnvs();
});
beforeEach(() => {
  said.length = 0;
  asked.length = 0;
  canPrompt = true;
  for (const name of ['VAULT_TOKEN', 'HOST']) vi.stubEnv(name, undefined);
});

const { signal } = new AbortController();
async function settle(text: string, options: SettleOptions = {}, sign?: string) {
  const cwd = await folderWith(text);
  if (sign !== undefined) await writeFile(join(cwd, sign), '');
  return settleReader(await readSource(join(cwd, '.env')), options, signal);
}

const text = 'PLAIN=x\nTABBED="canary\\tb"\n';

describe('where readers differ', () => {
  test.each(['python', 'npm'] as const)('the answer to the question counts: %s', async (reader) => {
    answer = reader;
    const { source, chosen } = await settle(text, {}, 'requirements.txt');
    expect(chosen).toBe(reader);
    expect(source).toMatchObject({ kind: 'file', reader });
    expect(source.values.get('TABBED')).toBe(reader === 'npm' ? 'canary\\tb' : 'canary\tb');
    expect(asked).toMatchObject([{ initialValue: 'python', signal }]);
    expect(said).toEqual([expect.stringMatching(/TABBED \(.*npm.* against .*python.*\)/)]);
    expect([...said, ...asked.map(({ message }) => message)].join()).not.toContain('canary');
  });

  test('without a hint in the folder, the reader of npm is proposed', async () => {
    answer = 'shell';
    expect((await settle(text)).chosen).toBe('shell');
    expect(asked).toMatchObject([{ initialValue: 'npm' }]);
  });

  test('every reader can be chosen, and the proposed one says what speaks for it', async () => {
    answer = 'python';
    await settle(text, {}, 'requirements.txt');
    expect(asked[0]?.options).toMatchInlineSnapshot(`
      [
        {
          "label": "python-dotenv: load_dotenv() (requirements.txt is beside it)",
          "value": "python",
        },
        {
          "label": "dotenv of npm",
          "value": "npm",
        },
        {
          "label": "node --env-file",
          "value": "node",
        },
        {
          "label": "docker compose",
          "value": "compose",
        },
        {
          "label": "a shell: set -a; . ./.env",
          "value": "shell",
        },
      ]
    `);
  });

  test('a user can stop at the question', async () => {
    answer = cancelled;
    await expect(settle(text)).rejects.toMatchObject({ code: 'ERR_SECRET_ABORTED' });
  });

  test.each<[string, SettleOptions, boolean]>([
    ['with --yes', { yes: true }, true],
    ['without a terminal', {}, false],
    ['for a selected name', { yes: true, select: ['PLAIN', 'TABBED'] }, true],
  ])('%s there is no question: the names are refused', async (_, options, isTerminal) => {
    canPrompt = isTerminal;
    await expect(settle(text, options)).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFIG',
      message: expect.stringMatching(/^(?!.*canary).*TABBED \(.*npm.* against .*python/),
    });
    expect(asked).toEqual([]);
  });

  test.each<[string, string, SettleOptions]>([
    ['what is not moved', text, { yes: true, select: ['PLAIN'] }],
    [
      'what node reads otherwise, and is not moved',
      'A=1\nB="say \\"hi\\""\n',
      { yes: true, select: ['A'] },
    ],
    ['a setting of Keyfall', 'VAULT_TOKEN="a\\tb"\n', { yes: true }],
    ['what they agree on', 'PLAIN=x\n', { yes: true }],
    ['what the file says itself', `KEYFALL_READER=python\n${text}`, { yes: true }],
  ])('%s is no question', async (_, content, options) => {
    const settled = await settle(content, options);
    expect(settled).not.toHaveProperty('chosen');
    expect([said, asked]).toEqual([[], []]);
  });
});

test('what another store holds is taken as it is', async () => {
  const source = await readStoreSource(memoryProvider({ A: 'Tea$hop#1' }));
  expect(await settleReader(source, { yes: true }, signal)).toEqual({ source });
});

describe('a value that is made of what the environment has', () => {
  const made = 'URL=redis://${VAULT_TOKEN}@${HOST}\nPLAIN=x\n';
  const python = `KEYFALL_READER=python\n${made}`;

  test('is moved, unless that is a credential of Keyfall’s', async () => {
    vi.stubEnv('HOST', 'db');
    const { source } = await settle(python, { yes: true });
    expect(source.values.get('URL')).toBe('redis://@db');
    vi.stubEnv('VAULT_TOKEN', 'canary');
    await expect(settle(python, { yes: true })).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFIG',
      message: expect.stringMatching(/^(?!.*canary).*\bURL\b.* VAULT_TOKEN\b/),
    });
    await settle(python, { yes: true, select: ['PLAIN'] });
  });

  test('is judged by the reader that was just chosen, too', async () => {
    vi.stubEnv('VAULT_TOKEN', 'canary');
    answer = 'python';
    await expect(settle(made)).rejects.toMatchObject({ code: 'ERR_SECRET_CONFIG' });
    answer = 'npm';
    expect((await settle(made)).source.values.get('URL')).toBe('redis://${VAULT_TOKEN}@${HOST}');
  });
});
