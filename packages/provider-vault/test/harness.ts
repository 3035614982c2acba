/**
 * What the tests share: the policies of the documentation, and calls as the core makes them.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isSecretError, type SecretError } from '@keyfall/core';
import type { ReadContext } from '@keyfall/core/provider';
import { assertNoLeak, type VaultServer } from '@keyfall/testkit';
import { vi } from 'vitest';
import { nodeVaultWire } from '../src/node-vault.ts';
import { type Instead, loginRelay } from './login-relay.ts';

/** What builds the requests, by name. */
export const wires = { direct: undefined, 'node-vault': nodeVaultWire() } as const;

/** A path that no other test uses, and no other run on the same server. */
export function freshPath(): string {
  return `shop-${randomBytes(6).toString('hex')}`;
}

/** A value or token that is found nowhere by chance. */
export function canary(): string {
  return `canary-${Math.random().toString(36).slice(2)}-${process.pid}`;
}

/** A call's context. `said` collects the warnings. */
export function context(
  {
    limit = 20_000,
    signal = new AbortController().signal,
  }: Partial<{ limit: number; signal: AbortSignal }> = {},
  said: string[] = [],
): ReadContext {
  const end = performance.now() + limit;
  return {
    signal,
    remainingTimeout: () => Math.max(0, end - performance.now()),
    warn: (message) => said.push(message),
  };
}

/** A policy as the documentation has it. */
export function documentedPolicy(name: string): string {
  return readFileSync(new URL(`../../../docs/vault/${name}-policy.hcl`, import.meta.url), 'utf8');
}

/** A policy of the documentation, for another mount and document than it names. */
export function policyFile(name: string, mount: string, path: string): string {
  return documentedPolicy(name)
    .replaceAll('"secret/', `"${mount}/`)
    .replaceAll('aiogram-shop', () => JSON.stringify(path).slice(1, -1));
}

/** The policy of an application that reads. */
export function readPolicy(mount: string, path: string): string {
  return policyFile('shop', mount, path);
}

/** The policy of somebody who writes as well. */
export function writePolicy(mount: string, path: string): string {
  return policyFile('editor', mount, path);
}

/** The error of a call that must fail with one of ours, without any of these in it. */
export async function failureOf(
  call: Promise<unknown>,
  ...canaries: readonly string[]
): Promise<SecretError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assertNoLeak(canaries, error);
  if (!isSecretError(error)) throw new Error('did not reject with a SecretError');
  return error;
}

/** Waits until `check` does not throw: as long as a busy machine may need, and no longer than it takes. */
export function eventually<Result>(
  check: () => Result | Promise<Result>,
  timeout = 20_000,
): Promise<Result> {
  return vi.waitFor(check, { timeout, interval: 10 });
}

/** Does what makes a token or a lease, by the chance with which its first renewal comes as late as the later ones. */
export async function atTheLatest<Result>(make: () => Promise<Result>): Promise<Result> {
  const random = vi.spyOn(Math, 'random').mockReturnValue(0);
  try {
    return await make();
  } finally {
    random.mockRestore();
  }
}

/** Mounts auth methods of these types where they usually are, unless tests of another file have done so. */
export async function enableAuth(server: VaultServer, ...types: readonly string[]): Promise<void> {
  for (const type of types)
    await server.request('POST', `sys/auth/${type}`, { type }, { allow: [400] });
}

/** Makes a role of AppRole with a policy, and writes the `role-id` and `secret-id` of a login into files of the folder. */
export async function writeAppRole(
  server: VaultServer,
  role: string,
  policy: string,
  folder: string,
): Promise<void> {
  await server.request('POST', `auth/approle/role/${role}`, { token_policies: policy });
  for (const [name, method] of [
    ['role-id', 'GET'],
    ['secret-id', 'POST'],
  ] as const) {
    const { body } = await server.request(method, `auth/approle/role/${role}/${name}`);
    await writeFile(join(folder, name), String(body.data?.[name.replace('-', '_')]));
  }
}

/** A token with one policy of these rules, besides `default`. */
export async function tokenFor(
  server: VaultServer,
  rules: string,
): Promise<{ token: string; accessor: string; policy: string }> {
  const policy = await server.createPolicy(rules);
  const created = await server.createToken({ policies: ['default', policy] });
  return { ...created, policy };
}

/** What a relay does with a request. */
export type Fate = 'pass' | 'lose-answer' | 'lose-request' | Instead;

/** An HTTP relay before a real server that loses what it is told to. */
export async function relayTo(
  address: string,
  fateOf: (request: {
    readonly method: string;
    readonly path: string;
    readonly body: string;
  }) => Fate | Promise<Fate> = () => 'pass',
  /** Sent with every request besides its own. */
  more: Readonly<Record<string, string>> = {},
): Promise<{
  readonly address: string;
  /** `GET /v1/…`, as they came. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}> {
  const requests: string[] = [];
  const relay = await loginRelay(address, more);
  relay.interfere(async ({ method, path, body }) => {
    requests.push(`${method} ${path}`);
    const fate = await fateOf({ method, path, body });
    if (fate === 'lose-request') return 'reset';
    return fate === 'pass' ? undefined : fate;
  });
  return { address: relay.address, requests, close: relay.close };
}
