/**
 * What a file of drills begins with: a server with one document, a token for it, and in each test a witness
 * that finds what was said and must not be. The bindings are those of the test that runs.
 */
import { startVaultServer, type VaultServer } from '@keyfall/testkit';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { canary, freshPath, readPolicy, tokenFor } from '../harness.ts';
import { type LoginRelay, loginRelay } from '../login-relay.ts';
import { type Witness, witness } from './witness.ts';

/** The document, below the mount of the file. */
export const path: string = freshPath();
/** What the document holds under `A`. */
export const value: string = canary();
/** What a fallback holds under it. */
export const plain: string = canary();
/** Tokens and values that nothing may show; a drill adds its own. */
export const canaries: string[] = [value, plain];
/** What ends with the test that runs, the last one first. */
export const endings: (() => unknown)[] = [];

export let drill: Witness;
export let server: VaultServer;
export let token: string;
export let policy: string;
/** Before the server, in each test a new one. */
export let relay: LoginRelay;

/** Has a witness in each test of the file. */
export function witnessEachTest(): void {
  beforeEach(() => {
    drill = witness(canaries);
  });
  afterEach(async () => {
    await drill.finish();
    for (const end of endings.splice(0).reverse()) await end();
  });
}

/** How a file's server differs from the usual one. */
export interface StageOptions {
  /** Default: a dev server of its own. */
  readonly start?: () => Promise<VaultServer>;
  /** What the token may do. Default: read the document. */
  readonly rules?: (mount: string, path: string) => string;
  /** What the document holds besides `A`. */
  readonly more?: Readonly<Record<string, string>>;
}

/** Starts a server with the document in its mount `secret` before the tests of the file, and a relay before each. */
export function stage({
  start = () => startVaultServer({ external: false }),
  rules = readPolicy,
  more = {},
}: StageOptions = {}): void {
  beforeAll(async () => {
    server = await start();
    await server.request('POST', `secret/data/${path}`, { data: { A: value, ...more } });
    ({ token, policy } = await tokenFor(server, rules('secret', path)));
    canaries.push(token, server.token);
  });
  afterAll(() => server?.stop());
  witnessEachTest();
  beforeEach(async () => {
    relay = await loginRelay(server.address);
    endings.push(() => relay.close());
  });
}
