import { describe, expect, test } from 'vitest';
import type { ResolvedSecret } from '../src/chain/selection.ts';
import { buildChildEnvironment } from '../src/run/child-environment.ts';

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

describe('which value wins', () => {
  test('a secret from a store replaces an inherited variable, and is named', () => {
    const { env, replaced } = build({ B: fromStore('s'), A: fromStore('s') }, { A: 'i', B: 'i' });
    expect(env).toEqual({ A: 's', B: 's', USE_VAULT: 'false' });
    expect(replaced).toEqual(['A', 'B']);
  });

  test('a secret that equals the inherited variable is not named', () => {
    expect(build({ A: fromStore('same') }, { A: 'same' }).replaced).toEqual([]);
  });

  test('with preserveEnv the inherited variable wins', () => {
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

test('what the program inherits anyway is not refused, as of a provider that reads the same environment', () => {
  const inherited = { PATH: '/bin', NODE_OPTIONS: '--no-warnings' };
  const secrets = { PATH: fromFile('/bin'), NODE_OPTIONS: fromFile('--no-warnings') };
  expect(build(secrets, inherited).env).toEqual({ ...inherited, USE_VAULT: 'false' });
  expect(() => build({ PATH: fromFile('/tmp') }, inherited)).toThrow('could take over');
  expect(() => build(secrets, inherited, { pristine: true })).toThrow('NODE_OPTIONS could');
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
    SOPS_AGE_SSH_PRIVATE_KEY_FILE: 'k',
    SOPS_AGE_SSH_PRIVATE_KEY_CMD: 'k',
    DOPPLER_PASSPHRASE: 'p',
    VAULT_DB_PASSWORD: "the application's own",
  };

  test("Keyfall's own settings are, and an application's VAULT_DB_PASSWORD is not", () => {
    const { PATH, TERM, OTHER, VAULT_DB_PASSWORD } = inherited;
    expect(build({}, inherited).env).toEqual({
      PATH,
      TERM,
      OTHER,
      VAULT_DB_PASSWORD,
      USE_VAULT: 'false',
    });
  });

  test('the variables that a login of ours takes its credentials from are', () => {
    const options = { credentialVariables: new Set(['OTHER']) };
    const { env } = build({}, inherited, options);
    expect(env).toHaveProperty('VAULT_DB_PASSWORD');
    expect(env).not.toHaveProperty('OTHER');
    const passed = build({}, inherited, { ...options, passBootstrap: true });
    expect(passed.env).toHaveProperty('OTHER');
  });

  test('other sources of our credentials are, which is said, and the environment as a provider does not bring them back', () => {
    const credentialVariables = new Set(['OTHER', 'VAULT_TOKEN', 'UNSET']);
    const wanted = (
      secrets: Record<string, ResolvedSecret>,
      more: Partial<Parameters<typeof buildChildEnvironment>[0]> = {},
    ) => {
      const entries = new Map(Object.entries(secrets));
      const { env, withheld } = buildChildEnvironment({
        inherited,
        secrets: entries,
        credentialVariables,
        ...more,
      });
      return [env['OTHER'], withheld];
    };
    expect(wanted({})).toEqual([undefined, ['OTHER']]);
    expect(wanted({ OTHER: fromFile('x') })).toEqual([undefined, ['OTHER']]);
    // another value is somebody else's, and a name that is listed is meant
    expect(wanted({ OTHER: fromFile('own') })).toEqual(['own', []]);
    expect(wanted({ OTHER: fromStore('x') })).toEqual(['x', []]);
    expect(wanted({ OTHER: fromFile('x') }, { named: new Set(['OTHER']) })).toEqual(['x', []]);
    expect(wanted({}, { passBootstrap: true })).toEqual(['x', []]);
  });

  test('nothing is with passBootstrap', () => {
    expect(build({}, inherited, { passBootstrap: true }).env).toEqual(inherited);
  });

  test('with pristine everything is but what a program needs to run', () => {
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
    'pnpm_config_script_shell',
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
  ])('%s, which could take over the program, is refused', (name) => {
    expect(() => build({ [name]: fromStore('x'), FINE: fromStore('x') })).toThrow(
      expect.objectContaining({
        code: 'ERR_SECRET_CONFIG',
        reason: expect.stringContaining(name),
      }),
    );
    expect(build({ [name]: fromStore('x') }, {}, { named: new Set([name]) }).env[name]).toBe('x');
  });

  // What glibc 2.41 hides from a privileged program (sysdeps/generic/unsecvars.h), but for TMPDIR, and what
  // sudo 1.9 deletes (initial_badenv_table in plugins/sudoers/env.c), but for the settings of SecurID.
  const theirs = `GCONV_PATH GETCONF_DIR GLIBC_TUNABLES HOSTALIASES LD_AUDIT LD_DEBUG LD_DEBUG_OUTPUT
    LD_DYNAMIC_WEAK LD_HWCAP_MASK LD_LIBRARY_PATH LD_ORIGIN_PATH LD_PRELOAD LD_PROFILE LD_SHOW_AUXV
    LD_VERBOSE LD_WARN LOCALDOMAIN LOCPATH MALLOC_TRACE NIS_PATH NLSPATH RESOLV_HOST_CONF RES_OPTIONS TZDIR
    IFS CDPATH PATH_LOCALE _RLD_LIST SHLIB_PATH LDR_PRELOAD LIBPATH AUTHSTATE DYLD_LIBRARY_PATH KRB5_CONFIG
    KRB5_KTNAME TERMINFO TERMINFO_DIRS TERMPATH TERMCAP ENV BASH_ENV PS4 GLOBIGNORE BASHOPTS SHELLOPTS
    JAVA_TOOL_OPTIONS PERLIO_DEBUG PERLLIB PERL5LIB PERL5OPT PERL5DB FPATH NULLCMD READNULLCMD ZDOTDIR
    TMPPREFIX PYTHONHOME PYTHONPATH PYTHONINSPECT PYTHONUSERBASE RUBYLIB RUBYOPT BASH_FUNC_a%%`;

  test.each(theirs.split(/\s+/))('%s, which glibc or sudo does not trust, is refused', (name) => {
    expect(() => build({ [name]: fromStore('x') })).toThrow(
      expect.objectContaining({
        code: 'ERR_SECRET_CONFIG',
        message: expect.stringContaining(name),
      }),
    );
  });

  test.each([
    ...['DB_PATH', 'TOKEN_PATH', 'APP_HOME', 'APP_ENV', 'YARN_NPM_AUTH_TOKEN', 'HTTPS_PROXY', 'CC'],
    ...[
      'NODE_ENV',
      'PYTHON_VERSION',
      'GITHUB_TOKEN',
      'LDAP_PASSWORD',
      'path',
      'COLOR',
      'TMPDIR',
      'TZ',
    ],
  ])('%s, which an application may well have, is not refused', (name) => {
    expect(build({ [name]: fromStore('x') }).env[name]).toBe('x');
  });

  test('a NUL character is refused, naming the secret and not its value', () => {
    const refused = expect.objectContaining({
      code: 'ERR_SECRET_CONFIG',
      message: expect.stringMatching(/^A .*\bNUL\b(?!.*canary)/),
    });
    expect(() => build({ A: fromStore('canary\0') })).toThrow(refused);
  });

  test('the sentence of a refusal is right for one name and for several', () => {
    const reasonOf = (...names: readonly string[]) => {
      try {
        build(Object.fromEntries(names.map((name) => [name, fromStore('x')])));
      } catch (error) {
        return (error as Error).message;
      }
      return undefined;
    };
    expect([
      reasonOf('A=B'),
      reasonOf('', 'A=B'),
      reasonOf('LD_PRELOAD'),
      reasonOf('LD_PRELOAD', 'NODE_OPTIONS'),
    ]).toMatchInlineSnapshot(`
      [
        "A=B cannot be passed on: the name of an environment variable is not empty, and has no = and no NUL character. Use another name in the store, or choose the names with --only.",
        """ and A=B cannot be passed on: the name of an environment variable is not empty, and has no = and no NUL character. Use another name in the store, or choose the names with --only.",
        "LD_PRELOAD could take over the program that is started. Remove such names from the store, or list every name that the program needs with --only.",
        "LD_PRELOAD and NODE_OPTIONS could take over the program that is started. Remove such names from the store, or list every name that the program needs with --only.",
      ]
    `);
  });

  test.each(['', 'A=B', 'A\0B'])('the name %j is refused', (name) => {
    expect(() => build({ [name]: fromStore('x') })).toThrow(
      expect.objectContaining({ code: 'ERR_SECRET_CONFIG' }),
    );
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

describe('on Windows, where Path and PATH are one variable', () => {
  const windows = { windows: true };

  test('a secret takes the place of the inherited variable, however that is spelled', () => {
    const { env, replaced } = build({ DB_PASS: fromStore('s') }, { Db_Pass: 'i' }, windows);
    expect(env).toEqual({ Db_Pass: 's', USE_VAULT: 'false' });
    expect(replaced).toEqual(['DB_PASS']);
    const kept = build({ DB_PASS: fromFile('s') }, { Db_Pass: 'i' }, windows);
    expect(kept.env).toEqual({ Db_Pass: 'i', USE_VAULT: 'false' });
  });

  test('credentials are removed in any case', () => {
    const credentialVariables = new Set(['SHOP_SECRET_ID']);
    const inherited = { vault_token: 't', Shop_Secret_Id: 'x', use_vault: 'true' };
    const { env } = build({}, inherited, { ...windows, credentialVariables });
    expect(env).toEqual({ USE_VAULT: 'false' });
    const back = { SHOP_SECRET_ID: fromFile('x') };
    expect(build(back, inherited, { ...windows, credentialVariables }).env).toEqual(env);
  });

  test('a name that takes over is refused in any case', () => {
    expect(() => build({ path: fromStore('C:\\evil') }, {}, windows)).toThrow(
      expect.objectContaining({ code: 'ERR_SECRET_CONFIG' }),
    );
  });

  test('two secrets that would be one variable are refused', () => {
    const secrets = { token: fromStore('1'), TOKEN: fromStore('2') };
    expect(() => build(secrets, {}, windows)).toThrow(
      expect.objectContaining({
        reason: expect.stringMatching(/^token cannot be passed on: another name differs/),
      }),
    );
    expect(build(secrets, {}, { windows: false }).env).toMatchObject({ token: '1', TOKEN: '2' });
  });

  test('with pristine what programs of Windows need is kept', () => {
    const inherited = { Path: 'C:\\bin', ComSpec: 'cmd.exe', AppData: 'C:\\data', OTHER: 'x' };
    const { env } = build({}, inherited, { ...windows, pristine: true });
    expect(env).toEqual({
      Path: 'C:\\bin',
      ComSpec: 'cmd.exe',
      AppData: 'C:\\data',
      USE_VAULT: 'false',
    });
  });
});
