/**
 * What a hostile `.env` or server puts into a finding must not become a command that does more than it
 * says. That the commands mend is tried in `doctor.e2e.test.ts`.
 */
import { execFileSync } from 'node:child_process';
import type { ProviderCheck } from '@keyfall/core';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { commandFor } from '../src/diagnosis/remedies.ts';
import { typedCommand } from '../src/diagnosis/typed-command.ts';

const evil = ['x; touch pwned', '$(touch pwned)', '`touch pwned`', "a'b", 'a && b', 'a\nb', '"'];

function failing(subject: string, message: string, mend: string): ProviderCheck {
  return { subject, state: 'failing', message, mend };
}

test.each(evil)('%j in what a provider wrote makes no command', (text) => {
  for (const finding of [
    failing('content', 'every user can read it', `chmod o-r ${text}`),
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
    const mode = failing(`mode of ${text}`, 'every user of this machine can read it (0644)', '');
    const words = `chmod() { printf '%s|' "$@"; }; ${commandFor(mode, undefined)}`;
    expect(execFileSync('bash', ['-c', words], { encoding: 'utf8' })).toBe(`o-r|${text}|`);
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

describe('a command as it has to be typed', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });
  const unset = () => {
    for (const name of ['BAO_ADDR', 'VAULT_ADDR']) vi.stubEnv(name, undefined);
  };
  const inDotenv = { options: {}, configuration: undefined };

  test.each(evil)('has %j as a word of it', (text) => {
    unset();
    const address = `https://vault/${text}`;
    const command = typedCommand('bao operator unseal', { ...inDotenv, address });
    const shown = `bao() { printf %s "$VAULT_ADDR"; }; ${command}`;
    expect(execFileSync('bash', ['-c', shown], { encoding: 'utf8' })).toBe(address);
    const options = { dotenv: text, profile: text, config: text };
    const ours = typedCommand('keyfall migrate', { ...inDotenv, options });
    const words = `keyfall() { printf '%s\\0' "$@"; }; ${ours}`;
    expect(execFileSync('bash', ['-c', words], { encoding: 'utf8' }).split('\0')).toEqual([
      ...['--config', text, '--profile', text, '--dotenv', text, 'migrate', ''],
    ]);
  });

  test.each([
    ['of a .env, over TLS', inDotenv, 'https://vault:8200', true],
    ['of a .env, on this machine', inDotenv, 'http://localhost:8200', true],
    ['of a .env, in plain text', inDotenv, 'http://vault:8200', false],
    ['of a .env, that only begins like it', inDotenv, 'http://localhost.evil.example', false],
    ['of a .env, that only looks like it', inDotenv, 'http://127.0.0.1@evil.example', false],
    ['of a .env, that is no address', inDotenv, 'http://127.evil.example', false],
    ['with credentials', inDotenv, 'https://user:pass@vault:8200', false],
    ['of a configuration', { ...inDotenv, configuration: 'c.json' }, 'http://vault:8200', true],
  ])('names a server %s: %#', (_, shell, address, isNamed) => {
    unset();
    const command = typedCommand('bao secrets list', { ...shell, address });
    expect(command).toBe(`${isNamed ? `export VAULT_ADDR=${address} && ` : ''}bao secrets list`);
  });

  test('names none that the environment names, and starts none elsewhere', () => {
    unset();
    const shell = { ...inDotenv, address: 'http://127.0.0.1:8200' };
    expect(typedCommand('bao server -dev', shell)).toBe('bao server -dev');
    vi.stubEnv('VAULT_ADDR', 'http://127.0.0.1:8200/');
    expect(typedCommand('bao secrets list', shell)).toBe('bao secrets list');
    vi.stubEnv('BAO_ADDR', '');
    expect(typedCommand('bao secrets list', shell)).toBe(
      'export BAO_ADDR=http://127.0.0.1:8200 && bao secrets list',
    );
  });
});
