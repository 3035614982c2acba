/**
 * The policies of the documentation are enough and no more: each feature works under its file, and no
 * longer when any one capability of the file is taken away. Without the policy `default` as well.
 */
import { readdir } from 'node:fs/promises';
import type { SecretProvider } from '@keyfall/core/provider';
import { assertNoLeak, sharedVaultServer, type VaultServer } from '@keyfall/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import { vaultProvider } from '../src/index.ts';
import { vaultKv } from '../src/kv.ts';
import { canary, context, documentedPolicy, freshPath, policyFile } from './harness.ts';

let server: VaultServer;
const mounts = new Map<1 | 2, string>();
const value = canary();
beforeAll(async () => {
  server = await sharedVaultServer();
  for (const version of [1, 2] as const) mounts.set(version, await server.mountKv({ version }));
});

/** One capability on one path. */
interface Right {
  readonly path: string;
  readonly capability: string;
}

function rightsOf(rules: string): readonly Right[] {
  const all = [...rules.matchAll(/^path ("[^"]+")\s*\{\s*capabilities = (\[[^\]]+\])/gm)];
  return all.flatMap(([, path = '', capabilities = '']) =>
    (JSON.parse(capabilities) as string[]).map((capability) => ({
      path: JSON.parse(path) as string,
      capability,
    })),
  );
}

function rulesOf(rights: readonly Right[]): string {
  const paths = [...new Set(rights.map(({ path }) => path))];
  return paths
    .map((one) => {
      const held = rights.filter(({ path }) => path === one).map(({ capability }) => capability);
      return `path "${one}" { capabilities = ${JSON.stringify(held)} }`;
    })
    .join('\n');
}

/** Where a feature is tried, and by whom. */
interface Place {
  readonly mount: string;
  readonly path: string;
  readonly token: string;
}

/** Rejects if anything of it is denied. */
type Feature = (place: Place) => Promise<unknown>;

async function withProvider(
  options: Parameters<typeof vaultProvider>[0],
  work: (provider: SecretProvider) => Promise<unknown> | undefined,
): Promise<void> {
  const provider = vaultProvider({ address: server.address, env: {}, ...options });
  try {
    await work(provider);
  } finally {
    await provider.close?.();
  }
}

const put = (mount: string, path: string, data: object = { A: value }) =>
  server.request('POST', `${mount}/data/${path}`, { data });
const write = (provider: SecretProvider, entries: Readonly<Record<string, string | null>>) =>
  provider.write?.({ entries: new Map(Object.entries(entries)) }, context());

const features: readonly (readonly [policy: string, version: 1 | 2, feature: Feature])[] = [
  [
    'shop',
    2,
    async ({ mount, path, token }) => {
      await put(mount, path);
      await withProvider({ mount, path, token }, (shop) => shop.read('all', context()));
    },
  ],
  [
    'two-paths',
    2,
    async ({ mount, path, token }) => {
      await Promise.all([put(mount, path), put(mount, 'shared')]);
      const paths = [path, 'shared'];
      await withProvider({ mount, path: paths, token }, (both) => both.read('all', context()));
    },
  ],
  [
    'editor',
    2,
    (place) =>
      withProvider(place, async (editor) => {
        await write(editor, { A: value }); // starts the document
        await write(editor, { A: 'changed' });
        await editor.history?.('A', context());
        await write(editor, {
          A: (await editor.readVersion?.('A', '1', context()))?.value ?? null,
        });
        await listed(place);
      }),
  ],
  [
    'patch',
    2,
    async (place) => {
      await put(place.mount, place.path);
      await withProvider(place, (patcher) => write(patcher, { A: 'changed' }));
    },
  ],
  [
    'names',
    2,
    async (place) => {
      await put(place.mount, place.path);
      await withProvider(place, (viewer) => viewer.list?.(context()));
    },
  ],
  [
    'keeper',
    2,
    async (place) => {
      const { mount, path, token } = place;
      const kv = vaultKv({ address: server.address, mount, token, env: {}, kvVersion: 2 });
      const document = kv.document(path);
      const all = async () => {
        await document.configure({ custom: { owner: 'shop' } }); // of what was never written
        await put(mount, path);
        await document.configure({ maxVersions: 5 });
        await document.softDelete();
        await document.undelete([1]);
        await document.softDelete([1]);
        await document.destroy([1]);
        await document.metadata();
        await listed(place);
        await document.removeAll();
      };
      await all().finally(() => kv.close());
    },
  ],
  [
    'kv1',
    1,
    (place) =>
      withProvider({ ...place, kvVersion: 1 }, async (editor) => {
        await write(editor, { A: value });
        await write(editor, { A: 'changed' });
        await write(editor, { A: null }); // the last name takes the document along
      }),
  ],
];

async function listed({ mount, path, token }: Place): Promise<void> {
  const kv = vaultKv({ address: server.address, mount, token, env: {}, kvVersion: 2 });
  try {
    for await (const _ of kv.list(path)) break;
  } finally {
    await kv.close();
  }
}

/** What becomes of a feature under these rights, each time in a place of its own. */
async function tried(
  policy: string,
  version: 1 | 2,
  feature: Feature,
  without?: Right,
): Promise<unknown> {
  const [mount = '', path] = [mounts.get(version), freshPath()];
  const rights = rightsOf(policyFile(policy, mount, path));
  const left = rights.filter(
    ({ path: on, capability }) =>
      without === undefined ||
      on !== without.path.replace('aiogram-shop', path).replace(/^secret\//, `${mount}/`) ||
      capability !== without.capability,
  );
  expect(left).toHaveLength(rights.length - (without ? 1 : 0));
  const name = await server.createPolicy(rulesOf(left) || 'path "none" { capabilities = [] }');
  const { token } = await server.createToken({
    policies: [name],
    more: { no_default_policy: true },
  });
  return feature({ mount, path, token }).then(
    () => 'works',
    (error: { code?: unknown }) => {
      assertNoLeak([token, value], error);
      return error.code;
    },
  );
}

describe.each(features)('%s-policy.hcl', (policy, version, feature) => {
  test('is enough', async () => {
    expect(await tried(policy, version, feature)).toBe('works');
  });

  const rights = rightsOf(documentedPolicy(policy));
  test.each(rights)('needs $capability on $path', async (right) => {
    expect(await tried(policy, version, feature, right)).toBe('ERR_SECRET_DENIED');
  });
});

test('every policy of the documentation is one of these, or tested where its feature is', async () => {
  const files = await readdir(new URL('../../../docs/vault/', import.meta.url));
  const policies = files.flatMap((file) => /^(.+)-policy\.hcl$/.exec(file)?.[1] ?? []);
  // those of the server that is set up for real secrets are tried by its page: docs/test/production.provisioned.test.ts
  const elsewhere = ['own-token', 'backup', 'operator'];
  expect(policies.sort()).toEqual([...features.map(([name]) => name), ...elsewhere].sort());
});
