/**
 * The readers that Debian, Go or other ages of Node give: docker compose's own parser, and `node --env-file`.
 */
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { cacheFolder } from '../../testkit/src/servers/provide-once.ts';
import { editDotenv } from '../src/edit.ts';
import { allReaders, editClassifier } from '../src/editing/classify-edit.ts';
import { readAsCompose } from '../src/readers/compose.ts';
import { isPlainText } from '../src/readers/read-dotenv.ts';
import { sampledTexts, sampledValues } from './dotenv-texts.ts';

test('docker compose reads every text as its model does', async () => {
  const variables = { C: 'env' };
  const output = execFileSync(
    join(cacheFolder('bin'), 'compose-dotenv'),
    [join(await testFolder(), '.env')],
    {
      input: JSON.stringify(sampledTexts.map((Text) => ({ Text, Variables: variables }))),
      maxBuffer: 1e9,
    },
  );
  const answers: (Record<string, string> | null)[] = JSON.parse(output.toString());
  expect(answers.filter((answer) => answer !== null).length).toBeGreaterThan(500);
  for (const [index, text] of sampledTexts.entries()) {
    const { values, refusal } = readAsCompose(text, variables);
    const { '': _, ...answer } = answers[index] ?? {};
    const real = answers[index] === null ? null : answer;
    expect([text, refusal ? null : Object.fromEntries(values)]).toEqual([text, real]);
  }
});

const script = `const { parseEnv } = require('node:util');
let input = '';
process.stdin.on('data', (chunk) => { input += chunk; }).on('end', () => {
  console.log(JSON.stringify(JSON.parse(input).map((text) => parseEnv(text))));
});`;

test.each(['22.23.3', '24.21.0'])(
  'Node %s reads plain texts, and texts that we write, as npm dotenv does',
  async (version) => {
    const program = join(cacheFolder(`node-${version}`), 'bin', 'node');
    const [npm] = await allReaders();
    if (npm === undefined) throw new Error('there is no reader npm');
    const texts: string[] = sampledTexts.filter(isPlainText);
    const before = '# shop\nA=1\n';
    for (const value of sampledValues) {
      const changes = new Map([['A', value]]);
      const edited = await editDotenv(before, changes).catch(() => undefined);
      if (edited === undefined) continue;
      if ((await editClassifier(before, npm).classify(edited, changes)).kind === 'alike')
        texts.push(edited);
    }
    expect(texts.length).toBeGreaterThan(150);
    const output = execFileSync(program, ['-e', script], {
      input: JSON.stringify(texts),
      maxBuffer: 1e9,
    });
    const answers: Record<string, string>[] = JSON.parse(output.toString());
    for (const [index, text] of texts.entries())
      expect([text, answers[index]]).toEqual([text, Object.fromEntries(npm.read(text, {}).values)]);
  },
);

test.each(['22.23.3', '24.21.0'])(
  'Node %s parses a text as its --env-file does',
  async (version) => {
    const program = join(cacheFolder(`node-${version}`), 'bin', 'node');
    const cwd = await testFolder();
    const text = sampledTexts
      .filter((each) => each.includes('A='))
      .slice(0, 200)
      .join('\n');
    await writeFile(join(cwd, '.env'), text);
    const shown = execFileSync(program, ['--env-file=.env', '-p', 'JSON.stringify(process.env)'], {
      cwd,
      env: {},
    });
    const [parsed = {}] = JSON.parse(
      execFileSync(program, ['-e', script], { input: JSON.stringify([text]) }).toString(),
    );
    expect(JSON.parse(shown.toString())).toMatchObject({ A: parsed.A, B: parsed.B, C: parsed.C });
  },
);
