/**
 * What a hostile `.env` or server puts into a finding must not become a command that does more than it
 * says. That the commands mend is tried in `doctor.e2e.test.ts`.
 */
import { execFileSync } from 'node:child_process';
import type { ProviderCheck } from '@keyfall/core';
import { expect, test } from 'vitest';
import { commandFor } from '../src/diagnosis/remedies.ts';

const evil = ['x; touch pwned', '$(touch pwned)', '`touch pwned`', "a'b", 'a && b', 'a\nb', '"'];

function failing(subject: string, message: string, mend: string): ProviderCheck {
  return { subject, state: 'failing', message, mend };
}

test.each(evil)('%j in what a provider wrote makes no command', (text) => {
  for (const finding of [
    failing('mode of x', 'every user can read it', `chmod o-r ${text}`),
    failing('path', 'is deleted', `bao kv undelete -mount=secret ${text}`),
  ])
    expect(commandFor(finding, undefined)).toBeUndefined();
});

test.each(evil.filter((text) => !text.includes('\n')))(
  '%j is one word of the command that it is part of',
  (text) => {
    const finding = failing('git and .env', 'the next git add --all takes it in', '');
    const command = commandFor({ ...finding, subject: `git and ${text}` }, undefined) ?? '';
    const [print = '', redirection] = command.split(' >> ');
    expect(redirection).toBe('.gitignore');
    expect(execFileSync('bash', ['-c', print], { encoding: 'utf8' })).toBe(`\n${text}\n`);
    const mounts = failing(
      'mount',
      'nothing is mounted at kv',
      `The token sees the KV mounts ${text}.`,
    );
    const assigned = `${commandFor(mounts, undefined)}; printf %s "$VAULT_MOUNT_POINT"`;
    expect(execFileSync('bash', ['-c', assigned], { encoding: 'utf8' })).toBe(text);
  },
);

test('a finding of nobody that is known has no command', () => {
  expect(commandFor(failing('disk', 'is full', 'Delete something.'), undefined)).toBeUndefined();
  expect(commandFor(failing('address', 'is closed', 'Open it.'), undefined)).toBeUndefined();
});
