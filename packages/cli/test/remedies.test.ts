/**
 * What a hostile `.env` or server puts into a finding must not become a command that does more than it
 * says. That the commands mend is tried in `doctor.e2e.test.ts`.
 */
import { execFileSync } from 'node:child_process';
import { readdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ProviderCheck } from '@keyfall/core/provider';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { withCommand } from '../src/diagnosis/finding.ts';
import { commandFor } from '../src/diagnosis/remedies.ts';
import { type Shell, typingIn } from '../src/diagnosis/typing.ts';

const shell = { options: {}, configuration: undefined };
const evil = ['x; touch pwned', '$(touch pwned)', '`touch pwned`', "a'b", 'a && b', 'a\nb', '"'];

function failing(more: Partial<ProviderCheck>): ProviderCheck {
  return { subject: 'thing', state: 'failing', message: 'fails', ...more };
}

test.each(evil)('%j in what a provider wrote makes no command', (text) => {
  for (const finding of [
    failing({ hint: `chmod o-r ${text}` }),
    failing({ code: 'document-deleted', facts: { mount: 'secret', path: text, version: '1' } }),
    failing({ code: 'document-wrapped', facts: { mount: 'secret', path: text } }),
  ])
    expect(commandFor(finding, shell)).toBeUndefined();
});

test.each(evil.filter((text) => !text.includes('\n')))(
  '%j is one word of the command that it is part of',
  (text) => {
    const finding = failing({ code: 'not-ignored-by-git', facts: { path: text } });
    const { command = '' } = commandFor(finding, shell) ?? {};
    const [print = '', redirection] = command.split(' >> ');
    expect(redirection).toBe('.gitignore');
    expect(execFileSync('bash', ['-c', print], { encoding: 'utf8' })).toBe(`\n${text}\n`);
    for (const [code, name] of [
      ['mount-wrong', 'VAULT_MOUNT_POINT'],
      ['document-missing', 'VAULT_SECRET_PATH'],
    ] as const) {
      const typed = commandFor(failing({ code, facts: { meant: text } }), shell)?.command;
      const assigned = `${typed}; printf %s "$${name}"`;
      expect(execFileSync('bash', ['-c', assigned], { encoding: 'utf8' })).toBe(text);
    }
    const mode = failing({ code: 'readable-by-all', facts: { path: text } });
    const words = `chmod() { printf '%s|' "$@"; }; ${commandFor(mode, shell)?.command}`;
    expect(execFileSync('bash', ['-c', words], { encoding: 'utf8' })).toBe(`o-r|${text}|`);
  },
);

test('the code and the facts decide, and no word of it', () => {
  const address = 'https://vault.example:8200';
  const http = failing({ code: 'server-speaks-http', facts: { address } });
  expect(commandFor(http, shell)?.command).toBe('export VAULT_ADDR=http://vault.example:8200');
  // what stands in a configuration wins over a variable
  expect(commandFor(http, { ...shell, configuration: 'keyfall.config.json' })?.command).toBe(
    `\${EDITOR:-vi} keyfall.config.json`,
  );
  for (const code of [undefined, 'is-full', 'constructor', '__proto__'])
    expect(
      commandFor(
        failing({
          subject: 'address',
          message: `${address} fails`,
          ...(code && { code }),
        }),
        shell,
      ),
    ).toBeUndefined();
});

afterEach(() => void vi.unstubAllEnvs());

test.each([
  ['http://127.0.0.1:8200', 'bao server -dev -dev-no-store-token'],
  ['http://localhost', 'bao server -dev -dev-no-store-token'],
  [
    'http://127.0.0.2:8200',
    'bao server -dev -dev-no-store-token -dev-listen-address=127.0.0.2:8200',
  ],
  ['http://[::1]:8200', "bao server -dev -dev-no-store-token -dev-listen-address='[::1]:8200'"],
  // one with a certificate holds real secrets: an empty server in its place would mend nothing
  ['https://127.0.0.1:8200', 'systemctl start openbao'],
  ['https://localhost:18200', 'systemctl start openbao'],
  ['http://vault.example:8200', 'systemctl start openbao'],
])('a server at %s that is not there is started by %s', (address, command) => {
  const finding = failing({ code: 'server-refused', facts: { address } });
  for (const name of ['BAO_TOKEN', 'VAULT_TOKEN']) vi.stubEnv(name, undefined);
  expect(commandFor(finding, shell)?.command).toBe(command);
  // with the token that the environment has, or it could not be asked; as a variable, since every user sees arguments
  vi.stubEnv('VAULT_TOKEN', 'canary');
  const isHere = command.startsWith('bao server');
  const token = isHere ? 'BAO_DEV_ROOT_TOKEN_ID="$VAULT_TOKEN" ' : '';
  expect(commandFor(finding, shell)?.command).toBe(`${token}${command}`);
});

test('a package that is missing is installed, and not looked for in the configuration', () => {
  const setting = { option: 'provider', package: '@keyfall/provider-doppler' };
  const settings = failing({ subject: 'settings', setting });
  expect(commandFor(settings, { ...shell, configuration: 'keyfall.config.ts' })).toEqual({
    command: 'npm install @keyfall/provider-doppler',
    isAll: true,
  });
});

test('a hint that says no more than the command is left out', () => {
  const open = {
    hint: 'chmod 600 key.txt',
    code: 'readable-by-others',
    facts: { path: 'key.txt' },
  };
  expect(withCommand(failing(open), shell)).not.toHaveProperty('hint');
  expect(withCommand(failing({ ...open, code: 'mount-wrong' }), shell)).toMatchObject({
    hint: open.hint,
    command: 'bao secrets list',
  });
});

test('the documentation has every code, and no other', async () => {
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

describe('a command as it has to be typed', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });
  /** A folder with these clients alone. */
  const toolsWith = async (...clients: readonly string[]) => {
    const folder = await testFolder();
    for (const client of clients) await symlink(process.execPath, join(folder, client));
    return folder;
  };
  let tools: string;
  beforeEach(async () => {
    tools = await toolsWith('bao');
  });
  const unset = () => {
    for (const name of ['BAO_ADDR', 'VAULT_ADDR']) vi.stubEnv(name, undefined);
    // what this machine has must not count
    vi.stubEnv('PATH', `${tools}:${process.env['PATH']}`);
  };
  const inDotenv = shell;
  const asking = (place: Shell, command = 'bao secrets list') => typingIn(place).asking(command);

  test.each(evil)('has %j as a word of it', (text) => {
    unset();
    const address = `https://vault/${text}`;
    const command = asking({ ...inDotenv, address }, 'bao operator unseal');
    const shown = `bao() { printf %s "$VAULT_ADDR"; }; ${command}`;
    expect(execFileSync('bash', ['-c', shown], { encoding: 'utf8' })).toBe(address);
    const options = { dotenv: text, profile: text, config: text };
    const ours = typingIn({ ...inDotenv, options }).keyfall('migrate');
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
  ])('names a server %s: %#', (_, place, address, isNamed) => {
    unset();
    const command = asking({ ...place, address });
    expect(command).toBe(`${isNamed ? `export VAULT_ADDR=${address} && ` : ''}bao secrets list`);
  });

  test('names no server that the environment names, and starts none on another machine', () => {
    unset();
    const address = 'http://127.0.0.1:8200';
    const refused = failing({ code: 'server-refused', facts: { address } });
    const place = { ...inDotenv, address };
    expect(commandFor(refused, place)?.command).toBe('bao server -dev -dev-no-store-token');
    vi.stubEnv('VAULT_ADDR', 'http://127.0.0.1:8200/');
    expect(asking(place)).toBe('bao secrets list');
    vi.stubEnv('BAO_ADDR', '');
    expect(asking(place)).toBe(`export BAO_ADDR=${address} && bao secrets list`);
    expect(typingIn(place).variable('ADDR')).toBe('BAO_ADDR');
    expect(typingIn(place).variable('MOUNT_POINT')).toBe('VAULT_MOUNT_POINT');
  });

  test("is of HashiCorp's client where that is there alone", async () => {
    unset();
    const address = 'http://127.0.0.1:8200';
    const rule = 'path "secret/$(bao x" {}';
    const commands = () =>
      [
        failing({ code: 'server-refused', facts: { address } }),
        failing({ code: 'server-refused', facts: { address: 'https://vault.example' } }),
        failing({ code: 'may-not-make', facts: { rule } }),
        failing({ code: 'sealed' }),
        failing({ code: 'node-sealed', facts: { address } }),
      ].map((finding) => commandFor(finding, { ...shell, address })?.command);
    const by = (client: string, service: string, prefix: string) => [
      `${client} server -dev -dev-no-store-token`,
      `systemctl start ${service}`,
      `${prefix}echo '${rule}' | ${client} policy write keyfall-read - && export VAULT_TOKEN="$(${client} token create -policy=keyfall-read -field=token)"`,
      `${prefix}${client} operator unseal`,
      `${client} operator unseal -address=${address}`,
    ];
    for (const name of ['BAO_TOKEN', 'VAULT_TOKEN']) vi.stubEnv(name, undefined);
    vi.stubEnv('BAO_ADDR', address);
    expect(commands()).toEqual(by('bao', 'openbao', ''));
    vi.stubEnv('PATH', await toolsWith('bao', 'vault'));
    expect(commands()).toEqual(by('bao', 'openbao', ''));
    vi.stubEnv('PATH', await toolsWith('vault'));
    // it does not know BAO_ADDR
    expect(commands()).toEqual(by('vault', 'vault', `export VAULT_ADDR=${address} && `));
    vi.stubEnv('VAULT_ADDR', address);
    expect(commands()).toEqual(by('vault', 'vault', ''));
    vi.stubEnv('PATH', await toolsWith());
    expect(commands()).toEqual(by('bao', 'openbao', ''));
  });
});
