/**
 * Which node is asked, and what is never sent twice, with sockets that fail in one way each.
 */
import { isSecretError, type SecretError } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { assertNoLeak, type Fault, type FaultyServer, faultyServer } from '@keyfall/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { openWire } from '../src/http/open-wire.ts';
import { acrossNodes } from '../src/http/vault-nodes.ts';
import { type VaultProviderOptions, vaultProvider } from '../src/index.ts';
import { resolveSettings } from '../src/settings/vault-settings.ts';
import type { WireRequest, WireResult, WireSend } from '../src/wire/vault-wire.ts';
import { canary, context } from './harness.ts';

const token = canary();
const value = canary();
const endings: (() => Promise<void> | undefined)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

async function node(fault: Fault): Promise<FaultyServer> {
  const server = await faultyServer(fault);
  endings.push(() => server.close());
  return server;
}

function providerOf(
  [first, ...others]: readonly (FaultyServer | string)[],
  options: VaultProviderOptions = {},
): SecretProvider {
  const [address = '', ...nodes] = [first, ...others].map((one) =>
    typeof one === 'string' ? one : (one?.address ?? ''),
  );
  const provider = vaultProvider({
    address,
    nodes,
    token,
    path: 'shop',
    kvVersion: 2,
    env: {},
    ...options,
  });
  endings.push(() => provider.close?.());
  return provider;
}

const document = (version = 1, headers: Readonly<Record<string, string>> = {}): Fault => ({
  kind: 'status',
  status: 200,
  headers,
  body: {
    sealed: false,
    data: {
      version,
      data: { A: value },
      metadata: { version, created_time: '2026-01-02T03:04:05.678901Z' },
    },
  },
});
const sealed: Fault = { kind: 'status', status: 503, body: { errors: ['Vault is sealed'] } };

async function errorOf(call: Promise<unknown> | undefined): Promise<SecretError> {
  const error = await call?.catch((reason: unknown) => reason);
  assertNoLeak([token, value], error);
  if (!isSecretError(error)) throw new Error('no SecretError');
  return error;
}

const readA = async (provider: SecretProvider, limit = 10_000) => {
  const entry = (await provider.read('all', context({ limit }))).entries.get('A');
  return entry && 'value' in entry ? entry.value : entry;
};
const writes = (server: FaultyServer) =>
  server.requests.filter(({ method }) => method === 'POST').length;

describe('a read goes on to the next node from one that', () => {
  test.each<[string, Fault]>([
    ['is sealed', sealed],
    ['is a disaster-recovery secondary', { kind: 'status', status: 472 }],
    ['is a performance standby that cannot', { kind: 'status', status: 473 }],
    ['is a standby without an active node', { kind: 'status', status: 474 }],
    ['was removed from its cluster', { kind: 'status', status: 530 }],
    ['is not initialised', { kind: 'status', status: 501 }],
    ['is behind', { kind: 'status', status: 412 }],
    [
      'is behind, as OpenBao says it',
      { kind: 'status', status: 429, headers: { 'retry-after': '1' } },
    ],
    [
      'has just been unsealed',
      { kind: 'status', status: 500, body: { errors: ['internal error'] } },
    ],
    [
      'knows no active node',
      {
        kind: 'status',
        status: 500,
        body: { errors: ['local node not active but active cluster node not found'] },
      },
    ],
    [
      'has a gateway in front that does not reach it',
      { kind: 'status', status: 502, body: '<html>' },
    ],
    ['resets', { kind: 'reset' }],
    ['ends in the middle of an answer', { kind: 'cut' }],
    ['is silent', { kind: 'black-hole' }],
    ['points to a node that is not listed', { kind: 'redirect', location: 'http://127.0.0.1:9' }],
  ])('%s, and the good one is remembered', async (_, fault) => {
    const [bad, good] = [await node(fault), await node(document())];
    const provider = providerOf([bad, good]);
    expect(await readA(provider, 2_500)).toBe(value);
    const asked = bad.requests.length;
    expect(await readA(provider)).toBe(value);
    expect(bad.requests).toHaveLength(asked);
    expect(good.requests).toHaveLength(2);
  });

  test('refuses connections', async () => {
    const gone = await node({ kind: 'reset' });
    await gone.close();
    expect(await readA(providerOf([gone, await node(document())]))).toBe(value);
  });
});

describe('a read stays at a node that', () => {
  test.each<[string, Fault, SecretError['code']]>([
    ['answers what is no JSON', { kind: 'html' }, 'ERR_SECRET_INVALID'],
    [
      'redirects as no Vault does',
      { kind: 'redirect', status: 301, location: 'http://127.0.0.1:9' },
      'ERR_SECRET_CONFIG',
    ],
    [
      'keeps a quota',
      { kind: 'status', status: 429, body: { errors: ['rate limit quota exceeded'] } },
      'ERR_SECRET_UNAVAILABLE',
    ],
    [
      'has a gateway in front that keeps one',
      { kind: 'status', status: 429, body: '<h1>Too many requests</h1>' },
      'ERR_SECRET_UNAVAILABLE',
    ],
    [
      'denies',
      {
        kind: 'status',
        status: 403,
        body: { errors: ['1 error occurred:\n\t* permission denied\n\n'] },
      },
      'ERR_SECRET_DENIED',
    ],
  ])('%s', async (_, fault, code) => {
    const [first, second] = [await node(fault), await node(document())];
    expect((await errorOf(providerOf([first, second]).read('all', context()))).code).toBe(code);
    expect(second.received()).toBe('');
  });
});

test('nodes that are all sealed are asked twice each, and the error counts them', async () => {
  const nodes = [await node(sealed), await node(sealed), await node(sealed)];
  const error = await errorOf(providerOf(nodes).read('all', context()));
  expect(nodes.map(({ requests }) => requests.length)).toEqual([2, 2, 2]);
  expect(error).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE', storeStatus: 503 });
  expect(error.reason).toMatch(/is sealed, after 2 other nodes failed$/);
});

test('what a node says that is there counts for more than that another one is gone, which is repeated at once and never again', async () => {
  const gone = await node({ kind: 'reset' });
  await gone.close();
  const nodes = [await node(sealed), await node(sealed)];
  const error = await errorOf(providerOf([gone, ...nodes]).read('all', context()));
  expect(error.reason).toMatch(/is sealed, after 2 other nodes failed$/);
  expect(nodes.map(({ requests }) => requests.length)).toEqual([2, 2]);
});

test('a standby that still points to a leader which has died is one of a cluster without a leader', async () => {
  const gone = await node({ kind: 'reset' });
  await gone.close();
  const standby = await node({ kind: 'redirect', location: `${gone.address}/v1/secret/data/shop` });
  const error = await errorOf(providerOf([gone, standby]).read('all', context()));
  expect(error.reason).toMatch(
    /points to http:\S+, which refuses the connection, after another node failed$/,
  );
  // as long as an election takes, and not once
  expect(standby.requests.length).toBeGreaterThan(1);
});

test('silent nodes together cost one time limit', async () => {
  const nodes = [await node({ kind: 'black-hole' }), await node({ kind: 'black-hole' })];
  const error = await errorOf(providerOf(nodes).read('all', context({ limit: 400 })));
  expect(error.code).toBe('ERR_SECRET_UNAVAILABLE');
  expect(nodes.map(({ requests }) => requests.length)).toEqual([1, 1]);
});

describe('a write', () => {
  const write = (provider: SecretProvider) =>
    provider.write?.({ entries: new Map([['NEW', value]]) }, context()) ??
    Promise.reject(new Error('no write'));

  test.each<[string, Fault]>([
    ['is sealed', sealed],
    ['resets', { kind: 'reset' }],
    ['answers 500', { kind: 'status', status: 500, body: { errors: ['internal error'] } }],
    ['answers 502', { kind: 'status', status: 502, body: '<html>' }],
  ])('onto one version alone is sent to no second node once the first %s', async (_, fault) => {
    const [first, second] = [await node(document(3)), await node(document(3))];
    const provider = providerOf([first, second]);
    const { revision: ifRevision = '' } = await provider.read('all', context());
    const before = first.requests.length;
    const changes = { entries: new Map([['NEW', value]]), ifRevision };
    const writing = errorOf(provider.write?.(changes, context()) ?? Promise.resolve());
    while (first.requests.length === before) await new Promise(setImmediate);
    first.become(fault);
    await writing;
    expect([writes(first), writes(second)]).toEqual([1, 0]);
  });

  test('goes on from a node that cannot have acted on it', async () => {
    for (const fault of [
      { kind: 'status', status: 412 },
      { kind: 'status', status: 474 },
      { kind: 'redirect', location: 'http://127.0.0.1:9' },
    ] as const) {
      const [first, second] = [await node(document(3)), await node(document(4))];
      const provider = providerOf([first, second]);
      const writing = write(provider);
      while (first.requests.length === 0) await new Promise(setImmediate);
      first.become(fault);
      expect(await writing).toMatchObject({ conditional: true });
      expect([writes(first), writes(second)]).toEqual([1, 1]);
    }
  });

  test.each<[string, Fault]>([
    ['points to another node', { kind: 'redirect', location: 'http://127.0.0.1:9' }],
    [
      'has no leader',
      {
        kind: 'status',
        status: 500,
        body: { errors: ['local node not active but active cluster node not found'] },
      },
    ],
  ])(
    'is not known to be made where a standby %s, which may have passed it on',
    async (_, fault) => {
      const [first, second] = [await node(document(3)), await node(document(3))];
      const provider = providerOf([first, second]);
      // its time begins with the fault, since the machine may be busy before
      let end: number | undefined;
      const remainingTimeout = () =>
        end === undefined ? 20_000 : Math.max(0, end - performance.now());
      const bounds = { ...context(), remainingTimeout };
      const writing = errorOf(
        provider.write?.({ entries: new Map([['NEW', value]]) }, bounds) ?? Promise.resolve(),
      );
      while (first.requests.length === 0) await new Promise(setImmediate);
      first.become(fault);
      end = performance.now() + 400;
      await second.close();
      expect((await writing).applied).toBe('unknown');
    },
  );

  test('that comes first, such as a login, goes to a node whose health was asked', async () => {
    const [first, second] = [await node(sealed), await node(document())];
    const settings = resolveSettings({
      address: first.address,
      nodes: [second.address],
      token,
      path: 'shop',
      env: {},
    });
    const wire = openWire(settings);
    const { signal, remainingTimeout } = context();
    const body = JSON.stringify({ secret_id: value });
    const answer = await wire.send(
      { verb: 'write', path: 'auth/approle/login', body },
      { signal, remainingTimeout },
    );
    expect(answer).toMatchObject({ kind: 'answer', status: 200, origin: second.address });
    expect(first.requests.map(({ target }) => target)).toEqual([
      '/v1/sys/health?standbyok=true&perfstandbyok=true',
    ]);
    expect(second.requests.map(({ method }) => method)).toEqual(['GET', 'POST']);
    assertNoLeak([value], first.received());
    // a lease is made by a GET, and no more sent to two nodes than a write
    second.become({ kind: 'reset' });
    const made = await wire.send(
      { verb: 'read', path: 'database/creds/shop', notIdempotent: true },
      { signal, remainingTimeout, token },
    );
    expect(made).toMatchObject({ kind: 'failure', what: 'unreachable', sent: true });
    expect(first.requests).toHaveLength(1);
    wire.close();
  });
});

describe("X-Vault-Index, where reading one's own writes is asked for", () => {
  const consistency = { readYourWrites: true };
  const sent = (server: FaultyServer) =>
    server.requests.map(({ method, headers }) => [
      method,
      headers['x-vault-index'],
      headers['x-vault-inconsistent'],
    ]);
  const forward = 'forward-active-node';

  test('of the newest answer goes with every request', async () => {
    const server = await node(document(1, { 'x-vault-index': 'read-1' }));
    const provider = providerOf([server], { consistency });
    await provider.read('all', context());
    const writing = provider.write?.({ entries: new Map([['B', value]]) }, context());
    while (server.requests.length < 2) await new Promise(setImmediate);
    server.become(document(2, { 'x-vault-index': 'write-2' }));
    await writing;
    server.become(document(2));
    await provider.read('all', context());
    await provider.read('all', context());
    expect(sent(server)).toEqual([
      ['GET', undefined, undefined],
      ['GET', 'read-1', forward],
      ['POST', 'read-1', forward],
      ['GET', 'write-2', forward],
      ['GET', 'write-2', forward],
    ]);
  });

  test('goes along to another node, which may be behind', async () => {
    const first = await node(document(2, { 'x-vault-index': 'state-of-first' }));
    const second = await node(document(2, { 'x-vault-index': 'state-of-second' }));
    const provider = providerOf([first, second], { consistency });
    await provider.read('all', context());
    first.become(sealed);
    await provider.read('all', context());
    await provider.read('all', context());
    expect(sent(second)).toEqual([
      ['GET', 'state-of-first', forward],
      ['GET', 'state-of-second', forward],
    ]);
  });

  test('of an answer that began before a write does not replace that of the write', async () => {
    const waiting: (() => void)[] = [];
    const asked: (string | undefined)[] = [];
    const send: WireSend = async ({ path }, { index }) => {
      asked.push(index);
      if (path === 'slow') await new Promise<void>((resolve) => waiting.push(resolve));
      return { kind: 'answer', status: 200, text: '', index: path };
    };
    const cluster = acrossNodes(send, {
      address: { origin: 'http://a', secure: false, hostname: 'a', port: 80, prefix: '' },
      nodes: [],
      consistency: { readYourWrites: true, countedUses: false },
    });
    const ask = (verb: 'read' | 'write', path: string, namespace = 'a') =>
      cluster({ verb, path }, { ...context(), token, namespace });
    const slow = ask('read', 'slow');
    await ask('read', 'fast');
    await ask('write', 'written');
    waiting[0]?.();
    await slow;
    await ask('read', 'next');
    await ask('read', 'of another', 'b');
    expect(asked).toEqual([undefined, undefined, 'fast', 'written', undefined]);
  });

  test('of OpenBao: an answer from before it is not used, until it is the index that must be wrong', async () => {
    const at = (value: number, cluster = 'one') =>
      Buffer.from(JSON.stringify({ cluster, value: String(value) })).toString('base64');
    const [first, second] = [
      await node(document(9, { 'x-vault-index': at(100) })),
      await node(document(9, { 'x-vault-index': at(100) })),
    ];
    const provider = providerOf([first, second], { consistency });
    const versionOf = async () => {
      const entry = (await provider.read('all', context())).entries.get('A');
      return entry && 'version' in entry ? entry.version : undefined;
    };
    expect(await versionOf()).toBe('9');
    // a node that is just becoming active, beside one that is as it was
    first.become(document(8, { 'x-vault-index': at(99) }));
    expect(await versionOf()).toBe('9');
    // both: the read fails, again and again until it is clear that the cluster is another one
    second.become(document(8, { 'x-vault-index': at(99) }));
    const error = await errorOf(provider.read('all', context()));
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE', storeStatus: 412 });
    await provider.read('all', context()).catch(() => {});
    expect(await versionOf()).toBe('8');
    second.become(document(1, { 'x-vault-index': at(1, 'another') }));
    first.become(document(1, { 'x-vault-index': at(1, 'another') }));
    expect(await versionOf()).toBe('1');
  });

  describe('of OpenBao, which does not give a new chain the newest state', () => {
    const at = (state: number) =>
      Buffer.from(JSON.stringify({ cluster: 'one', value: String(state) })).toString('base64');
    const stateOf = (index: string | undefined) =>
      index === undefined ? undefined : JSON.parse(Buffer.from(index, 'base64').toString()).value;
    const latest = '18446744073709551615';
    const address = { origin: 'http://a', secure: false, hostname: 'a', port: 80, prefix: '' };

    /** A node that answers from these, one after the other, and what it was asked for. */
    function scripted(answers: readonly WireResult[], countedUses = false) {
      const asked: (string | undefined)[] = [];
      const said: string[] = [];
      const left = [...answers];
      const send: WireSend = async (_, { index }) => {
        asked.push(stateOf(index));
        return left.shift() as WireResult;
      };
      const cluster = acrossNodes(send, {
        address,
        nodes: [],
        consistency: { readYourWrites: true, countedUses },
      });
      const bounds = () => ({ ...context({}, said), token });
      return {
        asked,
        said,
        read: (path = 'kv/data/shop') => cluster({ verb: 'read', path }, bounds()),
      };
    }
    const answer = (text: string, state?: number, status = 200): WireResult => ({
      kind: 'answer',
      status,
      text,
      index: state === undefined ? undefined : at(state),
    });

    test('the active node is asked once more, and later nodes have to be at least where it was', async () => {
      const { asked, said, read } = scripted([
        answer('of before', 7),
        answer('newest', 9),
        answer('of now', 9),
      ]);
      expect(await read()).toMatchObject({ text: 'newest' });
      expect(await read()).toMatchObject({ text: 'of now' });
      expect(asked).toEqual([undefined, latest, '9']);
      expect(said).toEqual([]);
    });

    test.each<[string, WireResult]>([
      [
        'there is no active node',
        {
          kind: 'answer',
          status: 500,
          text: '',
          body: { errors: ['local node not active but active cluster node not found'] },
        },
      ],
      ['the active node is silent', { kind: 'failure', what: 'timeout', detail: '', sent: true }],
      [
        'the standby points to a node that is not listed',
        { kind: 'failure', what: 'foreign-node', detail: 'http://b', sent: false },
      ],
      [
        'the node is behind and does not ask for it',
        { kind: 'answer', status: 429, text: '', body: { errors: [] } },
      ],
    ])('where %s, the answer counts as it is, with a warning', async (_, refusal) => {
      const { asked, said, read } = scripted([
        answer('its own', 7),
        refusal,
        refusal,
        answer('its own again', 8),
      ]);
      expect(await read()).toMatchObject({ text: 'its own' });
      expect(await read()).toMatchObject({ text: 'its own again' });
      expect(asked).toEqual([undefined, latest, latest, '7']);
      expect(said).toHaveLength(2);
      expect(new Set(said).size).toBe(1);
      expect(said[0]).toContain('http://a');
    });

    test("a server that reports no state, or another product's, is asked once", async () => {
      const silent = scripted([answer('a'), answer('b')]);
      await silent.read();
      expect(silent.asked).toEqual([undefined]);
    });

    test('a chain that first looks up the mount has no request more than it would have had', async () => {
      const { asked, read } = scripted([answer('the mount', 7), answer('newest', 9)]);
      await read('sys/internal/ui/mounts/kv');
      expect(await read()).toMatchObject({ text: 'newest' });
      expect(asked).toEqual([undefined, latest]);
    });

    test('a login has to be of the newest state: a standby may not know its credentials yet', async () => {
      const asked: (string | undefined)[] = [];
      const send: WireSend = async ({ verb }, { index }) => {
        if (verb === 'write') asked.push(index);
        return { kind: 'answer', status: 200, text: '', body: { cluster_id: 'one' } };
      };
      const other = { ...address, origin: 'http://b', hostname: 'b' };
      const cluster = acrossNodes(send, {
        address,
        nodes: [other],
        consistency: { readYourWrites: true, countedUses: false },
      });
      const { signal, remainingTimeout } = context();
      const login = { verb: 'write', path: 'auth/approle/login', body: '{}' } as const;
      await cluster(login, { signal, remainingTimeout });
      expect(asked.map(stateOf)).toEqual([latest]);
      expect(Buffer.from(asked[0] ?? '', 'base64').toString()).toContain('"one"');
    });

    test('a token with counted uses pays for none but its own reads', async () => {
      const { asked, read } = scripted([answer('of before', 7), answer('newest', 9)], true);
      expect(await read()).toMatchObject({ text: 'of before' });
      expect(await read()).toMatchObject({ text: 'newest' });
      expect(asked).toEqual([undefined, latest]);
    });
  });

  test('that a node cannot read is dropped, and the request sent without it', async () => {
    const server = await node(document(1, { 'x-vault-index': 'of another make' }));
    const provider = providerOf([server], { consistency });
    const writing = provider.write?.({ entries: new Map([['B', value]]) }, context());
    await writing;
    server.become({
      kind: 'status',
      status: 400,
      body: { errors: ['failed to decode "X-Vault-Index"'] },
    });
    const reading = provider.read('all', context());
    while (server.requests.length < 3) await new Promise(setImmediate);
    server.become(document(1));
    await reading;
    expect(sent(server).slice(2)).toEqual([
      ['GET', 'of another make', forward],
      ['GET', undefined, undefined],
    ]);
  });

  test('goes neither to sys/health nor with a first request', async () => {
    const server = await node(document(1, { 'x-vault-index': 'state' }));
    const provider = providerOf([server], { consistency });
    await provider.write?.({ entries: new Map([['B', value]]) }, context());
    await provider.check?.(context());
    const health = server.requests.filter(({ target }) => target.startsWith('/v1/sys/health'));
    expect(health.map(({ headers }) => headers['x-vault-index'])).toEqual([undefined]);
  });

  test('goes with no request unless it is asked for', async () => {
    const server = await node(document(1, { 'x-vault-index': 'state' }));
    const provider = providerOf([server]);
    await provider.write?.({ entries: new Map([['B', value]]) }, context());
    await provider.read('all', context());
    expect(sent(server).map(([, index]) => index)).toEqual([undefined, undefined, undefined]);
  });
});

test('check reports each node, and uses a working one for the rest', async () => {
  const health = (facts: object): Fault => ({
    kind: 'status',
    status: 200,
    body: { initialized: true, sealed: false, standby: false, version: '2.7.2', ...facts },
  });
  const nodes = [
    await node(health({ sealed: true })),
    await node(health({ initialized: false })),
    await node({ kind: 'black-hole' }),
    await node(health({ standby: true })),
    await node(health({})),
    await node(health({ standby: null })),
  ];
  const checks = (await providerOf(nodes).check?.(context({ limit: 4_000 }))) ?? [];
  const lines = checks.filter(({ subject }) => subject === 'node');
  const origin = nodes.map(({ address }) => address);
  expect(lines).toMatchObject([
    {
      state: 'failing',
      message: `${origin[0]} is sealed`,
      hint: `bao operator unseal -address=${origin[0]}`,
    },
    { state: 'failing', message: expect.stringContaining(`${origin[1]} `) },
    { state: 'failing', message: expect.stringContaining(`${origin[2]} `) },
    { state: 'ready', message: `${origin[3]} is a standby` },
    { state: 'ready', message: `${origin[4]} is the active node` },
    { state: 'unknown', message: expect.stringContaining(`${origin[5]} `) },
  ]);
  expect(checks.find(({ subject }) => subject === 'address')).toMatchObject({
    state: 'ready',
    message: expect.stringContaining(`${origin[3]} answers`),
  });
});

test('the health that is asked before a change holds the process no more than the change does', async () => {
  const asked: [string, boolean][] = [];
  const send: WireSend = async ({ verb }: WireRequest, { unattended }) => {
    asked.push([verb, unattended === true]);
    return { kind: 'answer', status: 200, text: '{}' };
  };
  const settings = resolveSettings({
    address: 'http://127.0.0.1:1',
    nodes: ['http://127.0.0.1:2'],
    token,
    path: 'shop',
    env: {},
  });
  const { signal, remainingTimeout } = context();
  const renewal = { verb: 'write', path: 'auth/token/renew-self', body: '{}' } as const;
  await acrossNodes(send, settings)(renewal, { signal, remainingTimeout, unattended: true });
  expect(asked).toEqual([
    ['read', true],
    ['write', true],
  ]);
});

test.each([
  ['a standby and a node that is down', { standby: true }, true],
  ['an active node and one that is down', { standby: false }, false],
  ['a node that does not say what it is, and one that is down', {}, false],
])('check reports that none leads, with %s', async (_, facts, isReported) => {
  const nodes = [
    await node({
      kind: 'status',
      status: 200,
      body: { initialized: true, sealed: false, ...facts },
    }),
    await node({ kind: 'cut' }),
  ];
  const checks = (await providerOf(nodes).check?.(context({ limit: 4_000 }))) ?? [];
  const found = checks.filter(({ code }) => code === 'no-active-node');
  expect(found).toHaveLength(isReported ? 1 : 0);
  if (isReported) expect(found[0]).toMatchObject({ subject: 'node', state: 'failing' });
});

test('check says nothing of a leader where all that are listed are standbys', async () => {
  const standby = { initialized: true, sealed: false, standby: true };
  const all = { kind: 'status', status: 200, body: standby } as const;
  const checks = (await providerOf([await node(all), await node(all)]).check?.(context())) ?? [];
  expect(checks.filter(({ code }) => code === 'no-active-node')).toEqual([]);
});

test('check reports a node that belongs to another cluster', async () => {
  const health = (cluster: string): Fault => ({
    kind: 'status',
    status: 200,
    body: { initialized: true, sealed: false, standby: false, cluster_id: cluster },
  });
  const nodes = [await node(health('one')), await node(health('one')), await node(health('two'))];
  const checks = (await providerOf(nodes).check?.(context())) ?? [];
  const [first, , stranger] = nodes.map(({ address }) => address);
  expect(checks.filter(({ state }) => state === 'failing')[0]).toMatchObject({
    code: 'node-of-another-cluster',
    message: expect.stringMatching(new RegExp(`^${stranger} .*${first}$`)),
    facts: { address: stranger },
  });
});
