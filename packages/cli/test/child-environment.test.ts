import { describe, expect, test } from 'vitest';
import { buildChildEnvironment, type ResolvedSecret } from '../src/child-environment.ts';

const fromStore = (value: string): ResolvedSecret => ({
  value,
  provider: 'vault',
  fromStore: true,
});
const fromFile = (value: string): ResolvedSecret => ({
  value,
  provider: 'dotenv',
  fromStore: false,
});
const build = (
  secrets: Record<string, ResolvedSecret> | [string, ResolvedSecret][],
  inherited: Record<string, string> = {},
  options: Partial<Parameters<typeof buildChildEnvironment>[0]> = {},
) => {
  const { env, replaced } = buildChildEnvironment({
    inherited,
    secrets: new Map(Array.isArray(secrets) ? secrets : Object.entries(secrets)),
    ...options,
  });
  return { env: { ...env }, replaced };
};

describe('who wins', () => {
  test('a secret from a store replaces an inherited variable, and is named', () => {
    const { env, replaced } = build({ B: fromStore('s'), A: fromStore('s') }, { A: 'i', B: 'i' });
    expect(env).toEqual({ A: 's', B: 's', USE_VAULT: 'false' });
    expect(replaced).toEqual(['A', 'B']);
  });

  test('one that is the same is not named', () => {
    expect(build({ A: fromStore('same') }, { A: 'same' }).replaced).toEqual([]);
  });

  test('preserveEnv turns it round', () => {
    const { env, replaced } = build({ A: fromStore('s') }, { A: 'i' }, { preserveEnv: true });
    expect(env['A']).toBe('i');
    expect(replaced).toEqual([]);
  });

  test('a value from a .env never replaces an inherited variable, even an empty one', () => {
    const { env, replaced } = build({ A: fromFile('f'), B: fromFile('f') }, { A: '' });
    expect(env).toEqual({ A: '', B: 'f', USE_VAULT: 'false' });
    expect(replaced).toEqual([]);
  });
});

describe('what is taken out', () => {
  const inherited = {
    PATH: '/bin',
    TERM: 'xterm',
    OTHER: 'x',
    USE_VAULT: 'true',
    VAULT_TOKEN: 't',
    BAO_TOKEN: 't',
    DOPPLER_TOKEN: 't',
    SOPS_AGE_KEY: 'k',
    SOPS_AGE_KEY_FILE: 'k',
    SOPS_AGE_KEY_CMD: 'k',
    VAULT_DB_PASSWORD: "the application's own",
  };

  test("Keyfall's own settings, and an application's VAULT_DB_PASSWORD is none", () => {
    const { PATH, TERM, OTHER, VAULT_DB_PASSWORD } = inherited;
    expect(build({}, inherited).env).toEqual({
      PATH,
      TERM,
      OTHER,
      VAULT_DB_PASSWORD,
      USE_VAULT: 'false',
    });
  });

  test('nothing with passBootstrap', () => {
    expect(build({}, inherited, { passBootstrap: true }).env).toEqual(inherited);
  });

  test('with pristine all but what a program needs to run', () => {
    const { env } = build({ A: fromStore('s') }, inherited, { pristine: true });
    expect(env).toEqual({ PATH: '/bin', TERM: 'xterm', A: 's', USE_VAULT: 'false' });
  });
});

describe('what is refused', () => {
  test.each([
    'PATH',
    'LD_PRELOAD',
    'LD_ANYTHING',
    'DYLD_INSERT_LIBRARIES',
    'NODE_OPTIONS',
    'npm_config_script_shell',
    'NPM_CONFIG_NODE_OPTIONS',
    'HOME',
    'MAKEFLAGS',
    'PYTHONPATH',
    'PYTHONSTARTUP',
    'BASH_ENV',
    'ENV',
    'PERL5OPT',
    'RUBYOPT',
    'GIT_SSH_COMMAND',
    'IFS',
    'SHELLOPTS',
    'JAVA_TOOL_OPTIONS',
    'BASH_FUNC_ls%%',
  ])('%s, which could take over the program', (name) => {
    expect(() => build({ [name]: fromStore('x'), FINE: fromStore('x') })).toThrow(
      expect.objectContaining({
        code: 'ERR_SECRET_CONFIG',
        reason: `${name} could take over the program that is started`,
      }),
    );
    expect(build({ [name]: fromStore('x') }, {}, { named: new Set([name]) }).env[name]).toBe('x');
  });

  test('a NUL character, naming the secret and not its value', () => {
    const refused = expect.objectContaining({
      code: 'ERR_SECRET_CONFIG',
      message: expect.stringMatching(/^A holds a NUL character(?!.*canary)/),
    });
    expect(() => build({ A: fromStore('canary\0') })).toThrow(refused);
  });

  test.each(['', 'A=B', 'A\0B'])('the name %j', (name) => {
    expect(() => build({ [name]: fromStore('x') })).toThrow(/name of an environment variable/);
  });
});

test('names and values an environment can hold are kept as they are', () => {
  const value = ' a\nb\r\n\u0001"\'$`\\ ünïcödé 🔑 ';
  const { env } = build([
    ['__proto__', fromStore(value)],
    ['with space', fromStore(value)],
  ]);
  expect(Object.entries(env)).toEqual([
    ['USE_VAULT', 'false'],
    ['__proto__', value],
    ['with space', value],
  ]);
});
