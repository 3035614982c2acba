// The contract and what only a keychain has, on a real GNOME Keyring.

import {
  type ConformanceSubject,
  conformanceTests,
  callContext as context,
  type KeyringSession,
  startKeyringSession,
} from '@keyfall/testkit';
import { AsyncEntry } from '@napi-rs/keyring';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { keychainProvider } from '../src/index.ts';

let session: KeyringSession;
const before = process.env['DBUS_SESSION_BUS_ADDRESS'];
beforeAll(async () => {
  session = await startKeyringSession();
  process.env['DBUS_SESSION_BUS_ADDRESS'] = session.address;
});
afterAll(async () => {
  if (before === undefined) delete process.env['DBUS_SESSION_BUS_ADDRESS'];
  else process.env['DBUS_SESSION_BUS_ADDRESS'] = before;
  await session?.stop();
});

let services = 0;
const newService = () => {
  services += 1;
  return `shop-${services}`;
};

interface Subject extends ConformanceSubject {
  readonly service: string;
}

/** Not by the provider, and quicker than a process of `secret-tool` for each. */
const entryOf = (service: string, account: string) =>
  new AsyncEntry(service, account, { linux: { store: 'secret-service' } });
const put = (service: string, account: string, value: string) =>
  entryOf(service, account).setPassword(value);

const canHold = (name: string, value: string) =>
  name !== '' && !name.includes('\0') && (name + value).isWellFormed();

const tests = conformanceTests<Subject>({
  async create(values) {
    const service = newService();
    for (const [name, value] of values) if (canHold(name, value)) await put(service, name, value);
    await put(`${service}-of-another`, 'OTHER', 'not ours');
    return {
      provider: keychainProvider({ service }),
      service,
      close: () => session.resume(),
    };
  },
  capabilities: { writes: 'name', bag: false, list: true, check: true },
  faults: {
    // one that was never there is in a file of its own
    unavailable: () => session.kill(),
    stalled: () => session.pause(),
    // the library has one error for all of them
    denied: 'impossible',
    unauthenticated: 'impossible',
    invalid: 'impossible',
    missingDocument: 'impossible',
    http: 'impossible',
    oneName: {
      denied: 'impossible',
      unavailable: 'impossible',
      invalid: ({ service }, name) =>
        entryOf(service, name).setSecret(new Uint8Array([0x61, 0xff])),
    },
  },
  async recover() {
    await session.kill();
    await session.start();
  },
  async change({ service }, changes) {
    for (const [name, value] of changes)
      if (value === null) await entryOf(service, name).deleteCredential();
      else await put(service, name, value);
  },
  canHold,
  // it has no pages
  manyNames: 30,
  hostileNames: ['A\0B', 'A\u0000'],
});
describe('the contract', () => {
  afterEach(async () => {
    // whatever a test has made of it
    await session.kill();
    await session.start();
  });
  for (const { name, run } of tests) test(name, run);
});

test('what another program stores is read, and what is written is what it finds', async () => {
  const service = newService();
  const provider = keychainProvider({ service });
  await session.store(service, 'TOKEN', 'of secret-tool, é\n');
  expect((await provider.read(['TOKEN'], context())).entries.get('TOKEN')).toEqual({
    value: 'of secret-tool, é\n',
  });
  await provider.write?.({ entries: new Map([['TOKEN', 'of ours, é\n']]) }, context());
  expect(await session.lookup(service, 'TOKEN')).toBe('of ours, é\n');
});

test('a name with a NUL leads to no other item, and removes none', async () => {
  const service = newService();
  await put(service, 'A', 'held');
  const provider = keychainProvider({ service });
  expect((await provider.read(['A\0B'], context())).entries.size).toBe(0);
  await expect(
    provider.write?.({ entries: new Map([['A\0B', null]]) }, context()),
  ).rejects.toMatchObject({ code: 'ERR_SECRET_UNSUPPORTED', applied: 'no' });
  expect((await provider.read(['A'], context())).entries.get('A')).toEqual({ value: 'held' });
});

test('doctor says how many items there are, and that a keychain without any may be the wrong one', async () => {
  const service = newService();
  const provider = keychainProvider({ service });
  expect(await provider.check?.(context())).toMatchObject([{ code: 'no-secrets' }]);
  await put(service, 'A', 'a');
  expect(await provider.check?.(context())).toMatchObject([{ state: 'ready' }]);
});

test('a locked keychain is unavailable for what it holds, and says of other names that it does not', async () => {
  const service = newService();
  await put(service, 'A', 'a');
  const provider = keychainProvider({ service });
  await session.lock();
  const unavailable = { code: 'ERR_SECRET_UNAVAILABLE' };
  await expect(provider.read(['A'], context())).rejects.toMatchObject(unavailable);
  await expect(provider.read('all', context())).rejects.toMatchObject(unavailable);
  await expect(
    provider.write?.({ entries: new Map([['A', 'b']]) }, context()),
  ).rejects.toMatchObject({ ...unavailable, applied: 'unknown' });
  expect((await provider.read(['B'], context())).entries.size).toBe(0);
  await session.kill();
  await session.start();
  expect((await provider.read(['A'], context())).entries.get('A')).toEqual({ value: 'a' });
});

test('two items in the place of one are an error of that name, and neither is taken', async () => {
  const service = newService();
  await put(service, 'A', 'one');
  await put(service, 'B', 'b');
  await session.store(service, 'A', 'another', 'of-another-program');
  const provider = keychainProvider({ service });
  const { entries } = await provider.read('all', context());
  expect(entries.get('A')).toMatchObject({ code: 'ERR_SECRET_INVALID', secretName: 'A' });
  expect(entries.get('B')).toEqual({ value: 'b' });
  await expect(
    provider.write?.({ entries: new Map([['A', 'c']]) }, context()),
  ).rejects.toMatchObject({ code: 'ERR_SECRET_INVALID', applied: 'no' });
});
