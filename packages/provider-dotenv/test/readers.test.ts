import { expect, test } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { editDotenv } from '../src/edit.ts';
import { allReaders } from '../src/editing/classify-edit.ts';
import { readAsOlderPython, readAsPython } from '../src/readers/python.ts';
import { isPlainText } from '../src/readers/read-dotenv.ts';
import type { Reading } from '../src/readers/reading.ts';
import { readAsShell } from '../src/readers/shell.ts';
import { sampledTexts, sampledValues } from './dotenv-texts.ts';
import { readByPython, readByShell } from './real-readers.ts';

const sampled = sampledTexts;

const plain = ({ values }: Reading) => Object.fromEntries(values);

test.each([
  ['python-dotenv', undefined, readAsPython],
  ['python-dotenv before 1.2.4', '1.2.2', readAsOlderPython],
] as const)('%s reads every text as its model does', async (_, version, model) => {
  const variables = { C: 'env' };
  const answers = await readByPython(
    sampled.map((text) => [text, variables]),
    version,
  );
  for (const [index, text] of sampled.entries()) {
    const { C: _, ...values } = plain(model(text, variables));
    // names that no environment takes
    if (answers[index] === undefined) continue;
    expect([text, values]).toEqual([text, answers[index]]);
  }
});

test.each(['sh', 'bash'])('%s reads what its model knows', async (shell) => {
  const folder = await testFolder();
  // nothing that the model does not take for assignments alone is given to a shell
  const safe = sampled.filter((text) => {
    const { refusal, unknown } = readAsShell(text, {});
    return refusal === undefined && unknown.size === 0;
  });
  expect(safe.length).toBeGreaterThan(500);
  const answers = await readByShell(safe, ['A', 'B', 'C'], folder, shell);
  for (const [index, text] of safe.entries()) {
    const values = [...readAsShell(text, {}).values].filter(([name]) => /^[ABC]$/.test(name));
    expect([text, Object.fromEntries(values)]).toEqual([text, answers[index]]);
  }
});

test('all readers read plain lines alike', async () => {
  const values = [
    'x',
    'a@b.c:1/d,e=f%+-',
    "'a b#c'",
    '"a \u00e9 # ;&(b"',
    "''",
    '',
    "'x y' # c",
    'x # c !',
  ];
  const texts = values.flatMap((first) =>
    values.map((second) => `# c\nA=${first}\n\nexport B=${second}\n# d\nA=${second}`),
  );
  const plainOnes = [...texts, ...sampled].filter(isPlainText);
  expect(plainOnes.length).toBeGreaterThan(100);
  // Node 20 takes a comment at the very end for a name that nobody has
  const named = (values: ReadonlyMap<string, string>) =>
    Object.fromEntries([...values].filter(([name]) => /^\w+$/.test(name)));
  for (const text of plainOnes)
    for (const { reader, read } of await allReaders()) {
      const [first] = await allReaders();
      const { values, unknown, refusal } = read(text, { C: 'env' });
      expect([text, reader, refusal, unknown.size, named(values)]).toEqual([
        text,
        reader,
        undefined,
        0,
        named(first?.read(text, {}).values ?? new Map()),
      ]);
    }
});

const before = `# shop\nA=1\nexport FIRST='x y'\nLAST="z"\n`;

test('a write takes no name from any reader, and warns of readers that read the value differently', async () => {
  const costly: string[] = [];
  for (const [index, value] of sampledValues.entries()) {
    const reader = (['npm', 'python', 'node', 'compose', 'shell'] as const)[index % 5];
    const told: string[] = [];
    const edited = await editDotenv(before, new Map([['A', value]]), {
      reader,
      warn: (message) => told.push(message),
    }).catch(() => undefined);
    if (edited === undefined) continue;
    const readers = await allReaders();
    const own = readers.find((each) => each.reader === reader)?.read(edited, {}).values;
    expect([value, reader, own?.get('A')]).toEqual([value, reader, value]);
    for (const { reader: each, read } of readers) {
      const { values, refusal } = read(edited, {});
      const isTold = told.some((message) => message.includes(each));
      // a shell does not count for a text with carriage returns
      if (each === 'shell' && edited.includes('\r')) continue;
      if (!isTold) expect([value, each, values.get('A')]).toEqual([value, each, value]);
      // there is a warning if the reader that counts has no other form
      const isCostly = /read other names differently: (.*)/.exec(told.join())?.[1];
      if (isCostly?.includes(each)) {
        costly.push(value);
        continue;
      }
      expect([value, each, refusal, values.get('FIRST'), values.get('LAST')]).toEqual([
        value,
        each,
        undefined,
        'x y',
        'z',
      ]);
    }
  }
  expect(costly.length).toBeLessThan(sampledValues.length / 5);
});

test('a shell that sources the file runs no part of what was written', async () => {
  const folder = await testFolder();
  const values = sampledValues.map((value) => value.replaceAll('$(x)', '$(printf ran>&3)'));
  const texts = await Promise.all(
    values.map((value) => editDotenv(before, new Map([['A', value]])).catch(() => before)),
  );
  const answers = await readByShell(texts, ['FIRST', 'LAST'], folder);
  for (const [index, text] of texts.entries())
    expect([text, answers[index]]).toEqual([text, { FIRST: 'x y', LAST: 'z' }]);
});
