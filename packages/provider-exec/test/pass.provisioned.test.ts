// The real pass with a real gpg: by a helper, and as a tool that prints one value.
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  assertNoLeak,
  type ConformanceHarness,
  callContext,
  conformanceTests,
  temporaryFolder,
} from '@keyfall/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ExecProviderOptions, execProvider } from '../src/index.ts';
import { exampleOf } from './helpers.ts';

const canary = 'canary-value-9d13';
const inherit = ['GNUPGHOME', 'PASSWORD_STORE_DIR'];
let home: Awaited<ReturnType<typeof temporaryFolder>>;

beforeAll(async () => {
  home = await temporaryFolder();
  // the agent's socket is in it, and gpg refuses a folder that others may look into
  await chmod(home.folder, 0o700);
  const recipe = ['--batch', '--passphrase', '', '--quick-generate-key', 'shop', 'ed25519', 'cert'];
  const env = { ...process.env, GNUPGHOME: home.folder };
  execFileSync('gpg', recipe, { env, stdio: 'ignore' });
  const listed = execFileSync('gpg', ['--list-keys', '--with-colons'], { env, encoding: 'utf8' });
  const [, fingerprint = ''] = /^fpr:+(\w+):$/m.exec(listed) ?? [];
  const subkey = ['--batch', '--passphrase', '', '--quick-add-key', fingerprint, 'cv25519', 'encr'];
  execFileSync('gpg', subkey, { env, stdio: 'ignore' });
});
afterAll(async () => {
  spawnSync('gpgconf', ['--kill', 'all'], { env: { ...process.env, GNUPGHOME: home.folder } });
  await home.remove();
});

/** A store of pass, filled by pass itself. */
async function startPass(values: Iterable<readonly [string, string]>) {
  const { folder, remove } = await temporaryFolder();
  const store = join(folder, 'store');
  const env = { ...process.env, GNUPGHOME: home.folder, PASSWORD_STORE_DIR: store };
  const pass = (args: readonly string[], input = '') =>
    execFileSync('pass', args, { env, input, stdio: ['pipe', 'pipe', 'pipe'] });
  pass(['init', 'shop']);
  const put = (name: string, value: string) =>
    pass(['insert', '--multiline', '--force', '--', name], `${value}\n`);
  for (const [name, value] of values) put(name, value);
  const providerOf = (options: ExecProviderOptions) => execProvider({ env, inherit, ...options });
  return { store, pass, put, providerOf, env, close: remove };
}

async function throughHelper(values: ReadonlyMap<string, string>) {
  const started = await startPass(values);
  const command = ['sh', exampleOf('pass.sh')];
  return { ...started, provider: started.providerOf({ command, lists: true, writes: 'name' }) };
}

const harness: ConformanceHarness<Awaited<ReturnType<typeof throughHelper>>> = {
  create: throughHelper,
  capabilities: { writes: 'name', bag: false, list: true, check: true, writesMakeDocument: false },
  faults: {
    // a folder of files and a program of the same machine
    unavailable: 'impossible',
    stalled: 'impossible',
    denied: 'impossible',
    // only names that are there are affected: below
    unauthenticated: 'impossible',
    invalid: 'impossible',
    missingDocument: async ({ store }) => rmSync(store, { recursive: true }),
    http: 'impossible',
    oneName: 'impossible',
  },
  async change({ put, pass }, changes) {
    for (const [name, value] of changes)
      if (value === null) pass(['rm', '--force', '--', name]);
      else put(name, value);
  },
  canHold: (name, value) =>
    /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}$/.test(name) &&
    !/\p{Surrogate}/u.test(value) &&
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those that JSON has no letter for
    !/[\0-\x07\x0b\x0e-\x1f]/.test(value),
  manyNames: 10,
};

describe('pass.sh', () => {
  for (const { name, run } of conformanceTests(harness)) test(name, run);

  test('a key that gpg does not have, and a file that is broken, are no missing secrets', async () => {
    const { provider, store, env, close } = await throughHelper(new Map([['A', canary]]));
    const nobody = await temporaryFolder();
    await chmod(nobody.folder, 0o700);
    const stranger = execProvider({
      command: ['sh', exampleOf('pass.sh')],
      inherit,
      env: { ...env, GNUPGHOME: nobody.folder },
    });
    const { entries } = await stranger.read(['A', 'B'], callContext());
    expect(entries.get('A')).toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED' });
    expect(entries.has('B')).toBe(false);
    // gpg itself has no complaint about one that is cut early, and prints nothing
    truncateSync(join(store, 'A.gpg'), 20);
    const cut = (await provider.read(['A'], callContext())).entries.get('A');
    expect(cut).toMatchObject({ code: 'ERR_SECRET_INVALID' });
    writeFileSync(join(store, 'A.gpg'), 'text');
    const broken = (await provider.read(['A'], callContext())).entries.get('A');
    expect(broken).toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED' });
    assertNoLeak([canary], cut, broken, entries.get('A'));
    await nobody.remove();
    await close();
  });

  test('a subfolder is a store of its own', async () => {
    const { providerOf, put, store, close } = await startPass([['shop/TOKEN', canary]]);
    put('OTHER', 'x');
    await mkdir(join(store, 'empty'));
    const of = (folder: string) =>
      providerOf({ command: ['sh', exampleOf('pass.sh'), folder], lists: true });
    expect(await of('shop').list?.(callContext())).toEqual(['TOKEN']);
    expect((await of('shop').read(['TOKEN', 'OTHER'], callContext())).entries).toEqual(
      new Map([['TOKEN', { value: canary }]]),
    );
    expect(await of('empty').list?.(callContext())).toEqual([]);
    await close();
  });
});

describe('pass as a tool', () => {
  const command = ['pass', 'show', '--', '{name}'];

  test('its exit codes tell an entry that is not there from one that cannot be decrypted', async () => {
    const { providerOf, env, store, close } = await startPass([
      ['shop/TOKEN', canary],
      ['BROKEN', canary],
    ]);
    writeFileSync(join(store, 'BROKEN.gpg'), 'text');
    writeFileSync(
      join(store, 'CUT.gpg'),
      readFileSync(join(store, 'shop/TOKEN.gpg')).subarray(0, 30),
    );
    const exitCodes = { missing: [1], unauthenticated: [2] };
    const provider = providerOf({ command, exitCodes });
    const names = ['shop/TOKEN', 'shop/NO', 'BROKEN', 'CUT', '--clip', 'shop/../BROKEN'];
    const { entries } = await provider.read(names, callContext());
    expect(entries.get('shop/TOKEN')).toEqual({ value: canary });
    expect(entries.has('shop/NO')).toBe(false);
    expect(entries.get('BROKEN')).toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED' });
    expect(entries.get('CUT')).toMatchObject({ code: 'ERR_SECRET_INVALID' });
    // after `--` it is a name like any other
    expect(entries.has('--clip')).toBe(false);
    expect(entries.get('shop/../BROKEN')).toMatchObject({ code: 'ERR_SECRET_UNSUPPORTED' });
    const stranger = execProvider({
      command,
      exitCodes,
      inherit,
      env: { ...env, GNUPGHOME: '/x' },
    });
    const denied = (await stranger.read(['shop/TOKEN'], callContext())).entries.get('shop/TOKEN');
    expect(denied).toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED' });
    assertNoLeak([canary], denied, entries.get('BROKEN'));
    await close();
  });

  test('nothing is left beside the store', async () => {
    const { providerOf, store, close } = await startPass([['A', canary]]);
    await providerOf({ command }).read(['A'], callContext());
    expect(readdirSync(store).sort()).toEqual(['.gpg-id', 'A.gpg']);
    await close();
  });
});
