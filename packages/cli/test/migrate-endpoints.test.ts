/**
 * Between which two stores a migration is, by what the options name: with real files, and with every other
 * provider as it is made, which asks no store yet. What each takes and gives is tried in
 * `migrate-between.e2e.test.ts`.
 */
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { ReadContext } from '@keyfall/core/provider';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { bootstrapNames } from '../src/chain/bootstrap-settings.ts';
import {
  type EndpointOptions,
  isDotenv,
  isSameFile,
  resolveDestination,
  resolveEndpoints,
  resolveStoreSource,
} from '../src/migration/endpoints.ts';
import { ageKey, folderWith } from './keyfall.ts';

vi.mock('../src/terminal/terminal.ts', async (original) => ({
  ...(await original<typeof import('../src/terminal/terminal.ts')>()),
  notice: () => {},
}));
// a worker, in which mutants are tried, cannot change its folder: it is told another one
vi.mock('../src/config/load-config.ts', async (original) => ({
  ...(await original<typeof import('../src/config/load-config.ts')>()),
  inFolderOf: async (file: string, work: () => unknown) => {
    const folder = vi.spyOn(process, 'cwd').mockReturnValue(dirname(file));
    try {
      return await work();
    } finally {
      folder.mockRestore();
    }
  },
}));
const vault = { VAULT_ADDR: 'http://127.0.0.1:1', VAULT_TOKEN: 't', VAULT_SECRET_PATH: 'shop' };
const storeOfVault = 'http://127.0.0.1:1 secret/shop';
const settings = (variables: Readonly<Record<string, string>>) =>
  Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
afterEach(() => {
  vi.unstubAllEnvs();
});
beforeEach(() => {
  for (const name of [...bootstrapNames, 'KEYFALL_READER']) vi.stubEnv(name, undefined);
  vi.stubEnv('SOPS_AGE_KEY_FILE', ageKey.file);
});
const inEnvironment = (variables: Readonly<Record<string, string>>) => {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
};

/** A folder whose name has in it what texts of stores have. */
async function project(text = 'A=1\n') {
  const cwd = join(await folderWith(), 'a sops b, c');
  await mkdir(cwd);
  const file = join(cwd, '.env');
  await writeFile(file, text);
  return { cwd, file };
}
/** The options of a command in a folder with this configuration. */
async function configured(cwd: string, ...providers: readonly object[]): Promise<EndpointOptions> {
  const config = join(cwd, 'keyfall.config.json');
  await writeFile(config, JSON.stringify({ providers }));
  return { config };
}
const context = (): ReadContext => ({
  signal: new AbortController().signal,
  remainingTimeout: () => 1_000,
  warn: () => {},
});
const placeOfFile = (file: string) => ({ kind: 'dotenv', files: [file] });
const without: EndpointOptions = { config: false };
const placeOfTarget = async (options: EndpointOptions) =>
  (await resolveEndpoints(options)).destination.provider.place;
const ends = async (options: EndpointOptions) => {
  const { source, destination } = await resolveEndpoints(options);
  const { provider, isSettingsVault, isAsked } = destination;
  return {
    from: source.kind === 'file' ? source.place.files?.[0] : source.store,
    values: Object.fromEntries(source.values),
    to: provider.store,
    atomicity: provider.atomicity,
    isSettingsVault,
    isAsked,
  };
};

describe('without a configuration', () => {
  test('the file goes to the Vault of its own settings, however it is named', async () => {
    const { cwd, file } = await project(`A=1\n${settings(vault).join('')}`);
    for (const options of [
      { file },
      { file, from: 'dotenv' },
      { from: `dotenv:${file}` },
      { dotenv: file },
      { dotenv: file, from: 'dotenv:' },
    ])
      expect(await ends({ ...without, ...options })).toMatchObject({
        from: file,
        values: { A: '1' },
        to: storeOfVault,
        isSettingsVault: true,
        isAsked: true,
      });
    // the settings may stand in another one
    const dotenv = join(cwd, 'settings.env');
    await writeFile(dotenv, settings({ ...vault, VAULT_SECRET_PATH: 'other' }).join(''));
    expect(await ends({ ...without, file, dotenv })).toMatchObject({
      from: file,
      to: 'http://127.0.0.1:1 secret/other',
    });
    expect(await ends({ ...without, file, dotenv, to: 'vault' })).toMatchObject({
      to: 'http://127.0.0.1:1 secret/other',
      isSettingsVault: true,
      isAsked: true,
    });
  });

  test('without a named file the source is .env', async () => {
    await expect(resolveEndpoints({ ...without })).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFIG',
      message: expect.stringContaining('.env'),
    });
  });

  test('a file and --from together are refused', async () => {
    const { file } = await project();
    await expect(
      resolveEndpoints({ ...without, file, from: `dotenv:${file}`, to: 'vault' }),
    ).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFIG',
      reason: expect.stringContaining('--from'),
    });
  });

  test('both ends are read as the named reader reads them', async () => {
    const { cwd, file } = await project('A="x\\ty"\n');
    const other = join(cwd, 'other.env');
    await writeFile(other, 'A="x\\ty"\n');
    for (const [reader, value] of [
      ['python', 'x\ty'],
      ['npm', 'x\\ty'],
    ] as const) {
      const options = { ...without, reader, file, to: `dotenv:${other}` };
      const { source, destination } = await resolveEndpoints(options);
      expect(source).toMatchObject({ reader });
      expect(source.values.get('A')).toBe(value);
      const { entries } = await destination.provider.read('all', context());
      expect(entries.get('A')).toMatchObject({ value });
    }
  });

  test.each([
    ['vault', storeOfVault],
    ['sops', 'secrets.enc.yaml'],
    ['sops:other.yaml', 'other.yaml'],
    ['dotenv', '.env'],
    ['dotenv:copy.env', 'copy.env'],
    ['aws:shop/prod', 'shop/prod'],
    ['aws:arn:aws:x', 'arn:aws:x'],
    ['aws:shop/*', 'shop/*'],
    ['ssm:/shop/prod', '/shop/prod/*'],
    ['kubernetes:shop', 'not configured'],
    ['keychain:shop', 'the keychain, service shop'],
    ['gcp:shop-prod', 'shop-prod/*'],
    ['gcp:shop-prod/shop-*', 'shop-prod/shop-*'],
  ])('--to %s names a target', async (to, store) => {
    const { file } = await project();
    inEnvironment(vault);
    expect(await ends({ ...without, file, to })).toMatchObject({
      to: store,
      // one secret a name is no single write
      atomicity: /^(?:aws:shop\/\*|ssm:|gcp:|keychain:)/.test(to) ? 'name' : 'store',
      isSettingsVault: to === 'vault',
      isAsked: to === 'vault',
    });
  });

  test.each<[string, RegExp]>([
    ['doppler', /doppler .*@keyfall\/provider-doppler/],
    [
      'doppler:shop',
      /\bdoppler:shop\b.* vault, dotenv, sops, aws, ssm, gcp, keychain, kubernetes, doppler, files and exec/,
    ],
    ['vault:shop', /\bvault:shop\b/],
    ['aws', /^aws .* aws:SECRET .* aws:PREFIX\*/],
    ['aws:', /^aws .* aws:SECRET .* aws:PREFIX\*/],
    ['files', /^files .* files:FOLDER/],
    ['ssm', /^ssm .* ssm:\/PATH/],
    ['keychain', /^keychain .* keychain:SERVICE/],
    ['kubernetes', /^kubernetes .* kubernetes:NAMESPACE\/SECRET/],
    ['kubernetes:a/b/c', /\bkubernetes:a\/b\/c\b/],
    ['exec', /^exec .* exec:PROGRAM/],
    ['gcp', /^gcp .* gcp:PROJECT\/PREFIX\*/],
    ['gcp:shop/prefix', /\bgcp:shop\/prefix\b/],
    ['valut', /\bvalut\b.* vault, /],
    ['', / vault, dotenv, /],
  ])('--to %s is refused, and nothing is written', async (to, why) => {
    const { file } = await project();
    inEnvironment(vault);
    await expect(resolveEndpoints({ ...without, file, to })).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFIG',
      message: expect.stringMatching(why),
    });
  });

  test('a secret of AWS is another one in another region', async () => {
    const { cwd, file } = await project();
    const options = await configured(cwd, {
      provider: 'aws-secrets-manager',
      secretId: 'shop',
      region: 'eu-west-1',
    });
    const named = await placeOfTarget({ ...options, file, to: 'aws' });
    expect(named).toEqual({ kind: 'aws-secrets-manager', address: 'eu-west-1', paths: ['shop'] });
    expect(await placeOfTarget({ ...without, file, to: 'aws:shop' })).toEqual({
      kind: 'aws-secrets-manager',
      paths: ['shop'],
    });
  });

  test('a folder of files is migrated to anything but itself', async () => {
    const { cwd, file } = await project(settings(vault).join(''));
    await mkdir(join(cwd, 'secrets'));
    await writeFile(join(cwd, 'secrets', 'TOKEN'), 'canary');
    const from = `files:${join(cwd, 'secrets')}`;
    expect(await ends({ ...without, dotenv: file, from })).toMatchObject({
      values: { TOKEN: 'canary' },
      to: storeOfVault,
    });
    await expect(resolveEndpoints({ ...without, from, to: from })).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFIG',
      reason: expect.stringContaining(join(cwd, 'secrets')),
      hint: expect.stringContaining('--to'),
    });
  });

  test.each<[string, (cwd: string) => string]>([
    ['itself', (cwd) => `dotenv:${join(cwd, '.env')}`],
    ['itself by a link', (cwd) => `dotenv:${join(cwd, 'link.env')}`],
    ['itself by a relative path', (cwd) => `dotenv:${relative(process.cwd(), join(cwd, '.env'))}`],
    ['itself as an encrypted one', (cwd) => `sops:${join(cwd, '.env')}`],
  ])('a file is not migrated to %s', async (_, to) => {
    const { cwd } = await project('A=canary\n');
    await symlink('.env', join(cwd, 'link.env'));
    for (const path of ['.env', 'link.env'])
      await expect(
        resolveEndpoints({ ...without, file: join(cwd, path), to: to(cwd) }),
      ).rejects.toMatchObject({
        code: 'ERR_SECRET_CONFIG',
        reason: expect.stringContaining('.env'),
        hint: expect.stringContaining('--to'),
      });
  });
});

describe('with a configuration', () => {
  const sealed = { provider: 'sops', path: 'secrets.enc.yaml', name: 'sealed' };

  test('a file goes to the first provider that is writable, is not the source, and is not on standby', async () => {
    const { cwd, file } = await project();
    const dotenv = { provider: 'dotenv' };
    const copy = { provider: 'sops', path: 'copy.yaml', name: 'copy', standby: true };
    for (const [providers, isAsked] of [
      [[{ provider: 'env' }, sealed, copy, dotenv], true],
      [[{ provider: 'env' }, dotenv, copy, sealed], false],
      [[{ provider: 'dotenv', path: ['other.env', '.env'] }, sealed], false],
      [[{ provider: 'dotenv', path: ['.env', 'other.env'] }, sealed], false],
    ] as const) {
      const options = await configured(cwd, ...providers);
      expect(await ends({ ...options, file })).toMatchObject({
        to: 'secrets.enc.yaml',
        isSettingsVault: false,
        isAsked,
      });
      // and that is where it is undone
      expect((await resolveDestination(options, placeOfFile(file))).store).toBe('secrets.enc.yaml');
    }
    const options = await configured(cwd, { provider: 'env' }, dotenv, copy);
    for (const resolve of [
      () => resolveEndpoints({ ...options, file }),
      () => resolveDestination(options, placeOfFile(file)),
    ])
      await expect(resolve()).rejects.toMatchObject({
        code: 'ERR_SECRET_CONFIG',
        hint: expect.stringContaining('--to'),
      });
  });

  test('one of its providers is named by its own name, and its paths begin in its folder', async () => {
    const { cwd, file } = await project();
    const options = await configured(cwd, { provider: 'dotenv' }, sealed, {
      provider: 'aws-secrets-manager',
      secretId: 'shop',
      name: 'aws-secrets-manager',
    });
    for (const [to, store] of [
      ['sealed', 'secrets.enc.yaml'],
      ['aws', 'shop'],
      ['aws:other', 'other'],
      ['sops:other.yaml', 'other.yaml'],
    ] as const) {
      expect(await ends({ ...options, file, to })).toMatchObject({
        to: store,
        isSettingsVault: false,
        isAsked: false,
      });
      expect((await resolveDestination({ ...options, to }, placeOfFile(file))).store).toBe(store);
    }
    for (const to of ['dotenv', `dotenv:${file}`])
      await expect(resolveEndpoints({ ...options, file, to })).rejects.toMatchObject({
        code: 'ERR_SECRET_CONFIG',
        hint: expect.stringContaining('--to'),
      });
    // a relative path of the command line begins where the user is
    const near = await ends({ ...options, file, to: 'dotenv:.env' });
    expect(near.to).toBe('.env');
    await expect(resolveEndpoints({ ...options, file, to: 'seald' })).rejects.toThrow(
      'dotenv, sealed, aws-secrets-manager, vault, sops, aws, ssm, gcp, keychain, kubernetes, doppler, files and exec',
    );
  });

  test('its Vault is another one than that of the settings, which is named by its kind', async () => {
    const { cwd, file } = await project();
    inEnvironment(vault);
    const own = { provider: 'vault', path: 'own', address: 'http://127.0.0.1:1' };
    const with_ = await configured(cwd, own, { provider: 'dotenv' });
    expect(await ends({ ...with_, file, to: 'vault' })).toMatchObject({
      to: 'http://127.0.0.1:1 secret/own',
      isSettingsVault: false,
      isAsked: false,
    });
    const other = await configured(cwd, { provider: 'dotenv' }, sealed);
    expect(await ends({ ...other, file, to: 'vault' })).toMatchObject({
      to: storeOfVault,
      isSettingsVault: true,
      isAsked: true,
    });
  });

  test('a store of the configuration is the same one that the command line names by its path', async () => {
    const { cwd } = await project();
    const directory = join(cwd, 'secrets');
    await mkdir(directory);
    const options = await configured(cwd, { provider: 'files', directory, name: 'mounted' });
    await expect(
      resolveEndpoints({ ...options, from: 'mounted', to: `files:${directory}` }),
    ).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFIG',
      reason: expect.stringContaining(directory),
      hint: expect.stringContaining('--to'),
    });
  });

  test('the file is read as its own entry says, before --reader, and another file as --reader says', async () => {
    const { cwd, file } = await project('TABBED="a\\tb"\n');
    const other = join(cwd, 'other.env');
    await writeFile(other, 'TABBED="a\\tb"\n');
    const options = await configured(
      cwd,
      { provider: 'sops', path: 'secrets.enc.yaml' },
      { provider: 'dotenv', reader: 'python' },
    );
    for (const reader of [undefined, 'npm'] as const)
      expect(await ends({ ...options, file, ...(reader && { reader }) })).toMatchObject({
        values: { TABBED: 'a\tb' },
      });
    expect(await ends({ ...options, file: other })).toMatchObject({ values: { TABBED: 'a\\tb' } });
  });

  test('the chosen profile and the reader count', async () => {
    const { cwd, file } = await project('A="x\\ty"\n');
    const config = join(cwd, 'keyfall.config.json');
    const chainOf = (path: string) => ({
      providers: [
        { provider: 'dotenv', path: file },
        { ...sealed, path },
      ],
    });
    await writeFile(
      config,
      JSON.stringify({ ...chainOf('base.yaml'), profiles: { prod: chainOf('prod.yaml') } }),
    );
    expect((await ends({ config, file })).to).toBe('base.yaml');
    expect((await ends({ config, file, profile: 'prod' })).to).toBe('prod.yaml');
    const readersOf = async (options: EndpointOptions) => {
      const to = await resolveDestination(
        { config, to: 'dotenv', ...options },
        { kind: 'elsewhere' },
      );
      await to.read('all', context());
      return (await to.readings?.(context()))?.map(({ readers }) => readers.length);
    };
    expect(await readersOf({})).toEqual([2]);
    expect(await readersOf({ reader: 'python' })).toEqual([]);
  });
});

describe('a store that a migration came from', () => {
  test('is read again if --from names it, also if it no longer exists', async () => {
    const { cwd } = await project();
    const from = `sops:${join(cwd, 'gone.yaml')}`;
    const shown = { source: join(cwd, 'gone.yaml'), target: 'vault' };
    const source = { kind: 'sops', files: [join(cwd, 'gone.yaml')] };
    expect(await resolveStoreSource({ ...without, from }, { source, shown })).toMatchObject({
      kind: 'store',
      place: source,
      store: shown.source,
      values: new Map(),
    });
    for (const options of [{}, { from: `sops:${join(cwd, 'other.yaml')}` }])
      await expect(
        resolveStoreSource({ ...without, ...options }, { source, shown }),
      ).rejects.toMatchObject({
        code: 'ERR_SECRET_CONFIG',
        reason: expect.stringContaining(shown.source),
        hint: expect.stringMatching(/--from and --to/),
      });
  });

  test('is not the target of its undoing', async () => {
    const { cwd } = await project();
    const first = { provider: 'sops', path: join(cwd, 'first.yaml'), name: 'first' };
    const options = await configured(cwd, first, { ...first, path: 'second.yaml', name: 'second' });
    expect((await resolveDestination(options, { kind: 'sops', files: [first.path] })).store).toBe(
      'second.yaml',
    );
  });
});

test('files are recognised, and two paths of one file are one', async () => {
  for (const from of ['dotenv', 'dotenv:x']) expect(isDotenv(from)).toBe(true);
  for (const from of ['dotenvs', 'vault', 'sops:dotenv']) expect(isDotenv(from)).toBe(false);
  const { cwd, file } = await project();
  await symlink('.env', join(cwd, 'link'));
  expect(await isSameFile(file, join(cwd, 'link'))).toBe(true);
  expect(await isSameFile(file, join(cwd, 'other'))).toBe(false);
  const none = join(cwd, 'none');
  expect(await isSameFile(none, relative(process.cwd(), none))).toBe(true);
});
