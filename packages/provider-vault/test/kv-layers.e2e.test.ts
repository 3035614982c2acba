/**
 * Several documents in one provider, and profiles in their paths.
 */
import { createSecrets, memoryProvider } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { assertNoLeak, sharedVaultServer, type VaultServer } from '@keyfall/testkit';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type VaultProviderOptions, vaultProvider } from '../src/index.ts';
import { canary, context, failureOf, freshPath, policyFile, tokenFor } from './harness.ts';

let server: VaultServer;
const value = canary();
const endings: (() => Promise<void> | undefined)[] = [];
beforeAll(async () => {
  server = await sharedVaultServer();
});
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

function open(options: VaultProviderOptions): SecretProvider {
  const provider = vaultProvider({ address: server.address, env: {}, ...options });
  endings.push(() => provider.close?.());
  return provider;
}

const put = (path: string, data: object) => server.request('POST', `secret/data/${path}`, { data });

/**
 * Two documents of these contents; `undefined`: never written. The token may write the first, and do
 * with the second what that policy of the documentation allows.
 */
async function two(own: object | undefined, shared: object | undefined, second = 'shop') {
  const path = [freshPath(), freshPath()] as const;
  for (const [index, data] of [own, shared].entries()) if (data) await put(path[index] ?? '', data);
  const rules = [policyFile('editor', 'secret', path[0]), policyFile(second, 'secret', path[1])];
  const { token } = await tokenFor(server, rules.join('\n'));
  return { path, places: path.map((one) => `secret/${one}`), provider: open({ path, token }) };
}

const write = (
  { write }: SecretProvider,
  entries: Readonly<Record<string, string | null>>,
  ifRevision?: string,
) => {
  if (!write) throw new Error('the provider cannot write');
  const changes = { entries: new Map(Object.entries(entries)) };
  return write(ifRevision === undefined ? changes : { ...changes, ifRevision }, context());
};

const valuesOf = async (provider: SecretProvider) => {
  const { entries } = await provider.read('all', context());
  return Object.fromEntries(
    [...entries].map(([name, entry]) => [name, 'value' in entry ? entry.value : entry.code]),
  );
};

describe('reading', () => {
  test('an earlier document wins name by name, each with its own version, under the documented policy', async () => {
    const [own, shared] = [freshPath(), 'shared'];
    await put(own, { A: 'old' });
    await put(own, { A: 'own', B: 'own' });
    await put(shared, { A: 'shared', C: 'shared' });
    const { token } = await tokenFor(server, policyFile('two-paths', 'secret', own));
    const provider = open({ path: [own, shared], token });
    expect(await valuesOf(provider)).toEqual({ A: 'own', B: 'own', C: 'shared' });
    const { entries } = await provider.read('all', context());
    expect(entries.get('A')).toMatchObject({ version: '2' });
    expect(entries.get('C')).toMatchObject({ version: '1' });
    expect((await provider.list?.(context()))?.toSorted()).toEqual(['A', 'B', 'C']);
    expect(provider.store).toBe(`${server.address} secret/${own}, secret/shared`);
  });

  test('null in the first is an error that names the first, and not looked for in the second', async () => {
    const { provider, places } = await two({ A: null }, { A: value });
    const { entries } = await provider.read('all', context());
    expect(entries.get('A')).toMatchObject({ code: 'ERR_SECRET_INVALID' });
    expect(String(entries.get('A'))).toContain(places[0]);
    assertNoLeak([value], entries.get('A'));
  });

  test('one that is denied denies all, and is named', async () => {
    const { path, places } = await two({ A: value }, { B: value });
    const { token } = await tokenFor(server, policyFile('shop', 'secret', path[0]));
    const error = await failureOf(open({ path, token }).read('all', context()), value, token);
    expect(error.code).toBe('ERR_SECRET_DENIED');
    expect(error.message).toContain(places[1]);
    expect(error.message).not.toContain(places[0]);
  });

  test('the store is missing as a whole if no document exists, and every path is named', async () => {
    const { provider, places } = await two(undefined, undefined);
    expect((await provider.read('all', context())).missingDocument).toEqual({
      description: expect.stringContaining(places.join(' and ')),
      optional: false,
    });
  });

  test('a dozen of them are asked at once, and Node warns of nothing', async () => {
    const paths = Array.from({ length: 12 }, freshPath);
    await put(paths[11] ?? '', { A: value });
    const warned = vi.fn();
    process.on('warning', warned);
    const provider = open({ path: paths, token: server.token, kvVersion: 2 });
    expect(await valuesOf(provider)).toEqual({ A: value });
    await new Promise(setImmediate);
    process.off('warning', warned);
    expect(warned.mock.calls.filter(([{ name }]) => /MaxListeners/.test(name))).toEqual([]);
  });

  test('one of them missing: the answer is marked and one warning names it, whichever it is', async () => {
    for (const missing of [0, 1]) {
      const { provider, places } = await two(
        missing === 0 ? undefined : { A: value },
        missing === 1 ? undefined : { A: value },
      );
      const secrets = createSecrets({ providers: [provider, memoryProvider({})] });
      const warnings: string[] = [];
      secrets.on('warning', ({ message }) => warnings.push(message));
      expect(await secrets.get('A')).toBe(value);
      await secrets.find('B').catch(() => undefined);
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toContain(places[missing]);
      const explained = await secrets.explain('A');
      expect(explained.degraded).toContain(places[missing]);
      assertNoLeak([value], warnings, explained);
      await secrets.close();
    }
  });
});

describe('writing', () => {
  test('goes to the first, also for a name that the second holds', async () => {
    const { provider, path } = await two({ A: 'x' }, { B: 'shared' });
    const receipt = await write(provider, { A: 'y', B: 'own' });
    expect(receipt).toMatchObject({ version: '2', conditional: true });
    expect(receipt.revision).toBe((await provider.read('all', context())).revision);
    expect(await valuesOf(provider)).toEqual({ A: 'y', B: 'own' });
    const { body } = await server.request('GET', `secret/data/${path[1]}`);
    expect(body.data).toMatchObject({ data: { B: 'shared' }, metadata: { version: 1 } });
  });

  test('starts the first where only the second is there', async () => {
    const { provider } = await two(undefined, { B: 'shared' });
    await write(provider, { A: 'own' });
    expect(await valuesOf(provider)).toEqual({ A: 'own', B: 'shared' });
    expect(await provider.read('all', context())).not.toHaveProperty('degraded');
  });

  test('deletes nothing that would then come from the second', async () => {
    const { provider, path, places } = await two({ A: 'own', C: 'own' }, { A: value });
    const error = await failureOf(write(provider, { A: null, C: null }), value);
    expect(error.code).toBe('ERR_SECRET_CONFLICT');
    expect(error.message).toContain(places[1]);
    const { body } = await server.request('GET', `secret/data/${path[0]}`);
    expect(body.data).toMatchObject({ metadata: { version: 1 } });
    await write(provider, { C: null });
    expect(await valuesOf(provider)).toEqual({ A: 'own' });
  });

  test('at a revision: a change of either is a conflict', async () => {
    for (const changed of [0, 1]) {
      const { provider, path, places } = await two({ A: 'x' }, { B: 'y' });
      const { revision } = await provider.read('all', context());
      await put(path[changed] ?? '', { A: 'theirs' });
      const error = await failureOf(write(provider, { A: value }, revision), value);
      expect(error.code).toBe('ERR_SECRET_CONFLICT');
      expect(error.message).toContain(places[changed]);
      const next = await provider.read('all', context());
      expect(await write(provider, { A: 'ours' }, next.revision)).toMatchObject({
        conditional: true,
      });
    }
  });
});

test('history and older versions are those of the document that the name comes from', async () => {
  const { provider, path } = await two({ A: 'a1' }, { B: 'b1' }, 'editor');
  await put(path[1], { B: 'b2' });
  const versions = async (name: string) =>
    (await provider.history?.(name, context()))?.map(({ version, held }) => [version, held]);
  expect(await versions('A')).toEqual([['1', true]]);
  expect(await versions('B')).toEqual([
    ['2', true],
    ['1', true],
  ]);
  expect(await versions('NOBODY')).toEqual([['1', false]]);
  expect(await provider.readVersion?.('B', '1', context())).toMatchObject({ value: 'b1' });
});

describe('profiles', () => {
  test('{profile} is the option, else the variable', async () => {
    const application = freshPath();
    await put(`${application}/prod`, { A: 'prod' });
    await put(`${application}/dev`, { A: 'dev' });
    const rules = ['prod', 'dev'].map((one) =>
      policyFile('shop', 'secret', `${application}/${one}`),
    );
    const { token } = await tokenFor(server, rules.join('\n'));
    const path = `${application}/{profile}`;
    expect(await valuesOf(open({ path, token, profile: 'prod' }))).toEqual({ A: 'prod' });
    const env = { KEYFALL_PROFILE: 'dev', VAULT_TOKEN: token };
    expect(await valuesOf(open({ path, env }))).toEqual({ A: 'dev' });
    expect(await valuesOf(open({ path, env, profile: 'prod' }))).toEqual({ A: 'prod' });
    const variable = { ...env, VAULT_SECRET_PATH: path };
    expect(await valuesOf(open({ env: variable }))).toEqual({ A: 'dev' });
  });
});
