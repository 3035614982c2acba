/**
 * The check that no program of ours reads what we wrote for people (`scripts/check-own-prose.mjs`).
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

const { proseReadIn } = (await import(`${root}scripts/check-own-prose.mjs`)) as {
  proseReadIn: (text: string) => readonly { readonly line: number; readonly code: string }[];
};

const read = (text: string) => proseReadIn(text).map(({ code }) => code);

describe('is found:', () => {
  test.each([
    // what stood in our own files once
    `const [, install] = /^Install it: (npm .+)$/.exec(hint ?? '') ?? [];`,
    `if (/^(bao|chmod|git) /.test(finding.hint ?? '')) run();`,
    'const typed = hint?.replace(command, () => word);',
    `const text = message.includes(word) ? message : word;`,
    `const place = store.startsWith(name) ? name : other;`,
    `const [path] = provider.store.split(' ').slice(1);`,
    `const isWritten = /was (?:not )?written/.test((error as Error).message);`,
    `if (hint !== command) show(hint);`,
    `if (told?.reason === reason) again();`,
    'const shown = printable(store).slice(name.length);',
    'const at = error.message.toLowerCase().indexOf("denied");',
    'const remedy = remedies[detail];',
    'const remedy = remedies.get(event.detail);',
    'if (detail === "ECONNREFUSED") start();',
    'switch (error.message) { case "x": break; }',
    'const isOurs = texts.includes(check.message);',
    // under another name
    'const text = error.message; if (text.endsWith("denied")) stop();',
    'const { message: text } = error; if (text.match(/denied/)) stop();',
    'function seen({ reason: why = "" }) { return why.search("denied") > 0; }',
    'const words = String(error.reason).trim(); words.split(" ");',
  ])('%s', (text) => {
    expect(read(text)).toHaveLength(1);
  });
});

describe('is not read by:', () => {
  test.each([
    'notice(label + message);',
    'if (hint !== undefined) show(hint);',
    `if (event.reason === 'missing-document') warn(event.detail);`,
    `if (error.code === 'ERR_SECRET_DENIED') stop();`,
    'if (!told.has(message)) notice(message); told.add(message);',
    'const text = other.message; function apart() { const name = "x"; return name.split(""); }',
    'function one() { const text = error.message; } function two(text) { return text.split(""); }',
    'class Cache { store(name: string) { return name.split("."); } }',
  ])('%s', (text) => {
    expect(read(text)).toEqual([]);
  });
});

test('a finding has its line', () => {
  expect(proseReadIn('const a = 1;\n\nmessage.split(" ");\n')).toEqual([
    { line: 3, code: 'message.split(" ")' },
  ]);
});

test('no file of the repository reads any but those that are listed', async () => {
  const check = promisify(execFile)(process.execPath, ['scripts/check-own-prose.mjs'], {
    cwd: root,
  });
  await expect(check).resolves.toMatchObject({ stdout: '', stderr: '' });
});
