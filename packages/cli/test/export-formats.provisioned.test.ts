// What `export` writes, as readers that npm does not have read it: PyYAML, and every shell that a variable may be
// special to.
import { execFileSync, spawnSync } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatSecrets } from '../src/commands/export-formats.ts';

const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'keyfall');

const python = `
import json, sys, yaml
texts = json.load(sys.stdin)
loaders = [yaml.SafeLoader] + ([yaml.CSafeLoader] if hasattr(yaml, "CSafeLoader") else [])
print(json.dumps([[yaml.load(text, Loader=loader) for loader in loaders] for text in texts]))
`;

test('PyYAML reads every name and value that yaml is given, in both of its versions', async () => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: 'binary' }).filter((each) => each.isWellFormed()),
    fc.string({
      unit: fc.constantFrom(
        ...'a:#\'"\\\0\x07\n\r\t\x7f\x85\x9f\u2028\ufeff\ufffe\uffff -?&*!|>%@`',
      ),
    }),
    fc.constantFrom('y', 'No', 'NULL', '~', '1_0', '0o7', '1:30', '<<', '=', 'x'.repeat(3_000)),
  );
  const pairs = fc.sample(fc.array(fc.tuple(text, text), { maxLength: 12 }), 400);
  const every = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code)).filter(
    (character) => character.isWellFormed(),
  );
  const cases = [
    ...pairs,
    every.map((character, at): [string, string] => [`${character}${at}`, `${at}${character}`]),
  ].map((each) => new Map(each));
  const texts = await Promise.all(cases.map((values) => formatSecrets('yaml', values)));
  const read = JSON.parse(
    execFileSync('python3', ['-c', python], {
      input: JSON.stringify(texts),
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], PYTHONPATH: join(cache, 'PyYAML-6.0.3'), PYTHONUTF8: '1' },
      maxBuffer: 1e9,
    }),
  ) as Record<string, string>[][];
  expect(read).toHaveLength(cases.length);
  for (const [index, answers] of read.entries())
    for (const answer of answers)
      expect(new Map(Object.entries(answer))).toEqual(new Map([...(cases[index] ?? [])]));
});

test('a variable that dash, bash or zsh has for itself is refused, and every other one given', async () => {
  const listed = {
    bash: 'compgen -v',
    zsh: 'zmodload zsh/system zsh/zleparameter zsh/langinfo zsh/terminfo; typeset +m "*" | sed "s/.* //"',
  };
  const names = new Set(['SECRET', 'path', 'OPTIND']);
  for (const [shell, command] of Object.entries(listed))
    for (const name of execFileSync(shell, ['-c', command], { encoding: 'utf8' }).split('\n'))
      if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) names.add(name);
  expect(names.size).toBeGreaterThan(80);
  const lost: string[] = [];
  let given = 0;
  for (const name of names) {
    const text = await formatSecrets('shell', new Map([[name, 'a value']]), new Set([name])).catch(
      () => undefined,
    );
    if (text === undefined) continue;
    given += 1;
    for (const shell of ['dash', 'bash', 'zsh']) {
      const { stdout } = spawnSync(shell, ['-c', `${text}/usr/bin/env -0`], { encoding: 'utf8' });
      if (!stdout.split('\0').includes(`${name}=a value`)) lost.push(`${shell}: ${name}`);
    }
  }
  expect(lost).toEqual([]);
  expect(given).toBeGreaterThan(20);
});
