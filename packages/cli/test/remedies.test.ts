/**
 * What a hostile `.env` or server puts into a finding must not become a command that does more than it
 * says. That the commands mend is tried in `doctor.e2e.test.ts`.
 */
import { execFileSync } from 'node:child_process';
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
    const [echo = '', redirection] = command.split(' >> ');
    expect(redirection).toBe('.gitignore');
    expect(execFileSync('bash', ['-c', echo], { encoding: 'utf8' })).toBe(`${text}\n`);
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
