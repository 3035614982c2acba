/**
 * What a hostile `.env` or server puts into a finding must not become a command that does more than it
 * says. That the commands mend is tried in `doctor.e2e.test.ts`.
 */
import { execFileSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ProviderCheck } from '@keyfall/core';
import { expect, test } from 'vitest';
import { commandFor } from '../src/diagnosis/remedies.ts';

const evil = ['x; touch pwned', '$(touch pwned)', '`touch pwned`', "a'b", 'a && b', 'a\nb', '"'];

function failing(more: Partial<ProviderCheck>): ProviderCheck {
  return { subject: 'thing', state: 'failing', message: 'is not as it should be', ...more };
}

test.each(evil)('%j in what a provider wrote makes no command', (text) => {
  for (const finding of [
    failing({ mend: `chmod o-r ${text}` }),
    failing({ mend: `bao kv undelete -mount=secret ${text}` }),
    failing({ code: 'document-wrapped', facts: { mount: 'secret', path: text } }),
  ])
    expect(commandFor(finding, undefined)).toBeUndefined();
});

test.each(evil.filter((text) => !text.includes('\n')))(
  '%j is one word of the command that it is part of',
  (text) => {
    const finding = failing({ code: 'not-ignored-by-git', facts: { path: text } });
    const command = commandFor(finding, undefined) ?? '';
    const [print = '', redirection] = command.split(' >> ');
    expect(redirection).toBe('.gitignore');
    expect(execFileSync('bash', ['-c', print], { encoding: 'utf8' })).toBe(`\n${text}\n`);
    for (const [code, name] of [
      ['mount-wrong', 'VAULT_MOUNT_POINT'],
      ['document-missing', 'VAULT_SECRET_PATH'],
    ] as const) {
      const typed = commandFor(failing({ code, facts: { meant: text } }), undefined);
      const assigned = `${typed}; printf %s "$${name}"`;
      expect(execFileSync('bash', ['-c', assigned], { encoding: 'utf8' })).toBe(text);
    }
  },
);

test('the code and the facts decide, and no word of it', () => {
  const address = 'https://vault.example:8200';
  const http = failing({ code: 'server-speaks-http', facts: { address } });
  expect(commandFor(http, undefined)).toBe('export VAULT_ADDR=http://vault.example:8200');
  // what stands in a configuration wins over a variable
  expect(commandFor(http, 'keyfall.config.json')).toBe(`\${EDITOR:-vi} keyfall.config.json`);
  for (const code of [undefined, 'is-full', 'constructor', '__proto__'])
    expect(
      commandFor(
        failing({
          subject: 'address',
          message: `${address} refused the connection`,
          ...(code && { code }),
        }),
        undefined,
      ),
    ).toBeUndefined();
});

test('the codes of the documentation are those that there are', async () => {
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  const [, table = ''] = (await readFile(join(root, 'docs/commands.md'), 'utf8')).split(
    '| about | codes |',
  );
  const documented = [...(table.split('\n\n')[0] ?? '').matchAll(/`([a-z-]+)`/g)].map(
    ([, one]) => one,
  );
  const texts: string[] = [];
  for (const name of await readdir(join(root, 'packages'))) {
    const folder = join(root, 'packages', name, 'src');
    for (const file of await readdir(folder, { recursive: true }))
      if (file.endsWith('.ts')) texts.push(await readFile(join(folder, file), 'utf8'));
  }
  const source = texts.join('\n');
  const kinds = [...source.matchAll(/'ERR_SECRET_([A-Z_]+)'/g)].map(([, kind = '']) =>
    kind.toLowerCase().replaceAll('_', '-'),
  );
  const literal = (code: string | undefined) => source.includes(`'${code}'`);
  expect(documented.filter((code) => !literal(code) && !kinds.includes(code ?? ''))).toEqual([]);
  const written = [...source.matchAll(/\bcode: '([a-z]+(?:-[a-z]+)*)'/g)].map(([, code]) => code);
  expect(written.length).toBeGreaterThan(20);
  expect(written.filter((code) => !documented.includes(code))).toEqual([]);
  const remedies = await readFile(join(root, 'packages/cli/src/diagnosis/remedies.ts'), 'utf8');
  const mended = [...remedies.matchAll(/^ {2}'?([a-z]+(?:-[a-z]+)*)'?: \[/gm)].map(
    ([, code]) => code,
  );
  expect(mended.length).toBeGreaterThan(20);
  expect(mended.filter((code) => !documented.includes(code))).toEqual([]);
});
