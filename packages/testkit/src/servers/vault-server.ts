/**
 * A real Vault-compatible server for tests: a dev server (in memory, unsealed) on a free port of the
 * loopback interface, which dies with the test process however that ends.
 */
import { randomBytes } from 'node:crypto';
import { assertOptions, type OptionKinds } from '@keyfall/core/provider';
import { onFreePorts } from '../machine/free-port.ts';
import { healthy, type ServerProcess, serverProcess, until } from './server-process.ts';
import { findVaultBinary } from './vault-binary.ts';

/** Options of {@link startVaultServer}. */
export interface VaultServerOptions {
  /**
   * Whether the server that `BAO_ADDR` or `VAULT_ADDR` names may be used instead of starting one.
   * `true`: any. `false`: none (for tests that kill or pause it). Default: only one on this machine
   * (a loopback address), so that a shell set up for production is never written to by a test.
   */
  readonly external?: boolean | undefined;
  /** The root token of a server that is started. Default: a random one. */
  readonly token?: string | undefined;
  /** The port of a server that is started. Default: a free one. */
  readonly port?: number | undefined;
  /** More arguments after `server -dev …`, such as `-dev-ha` or `-config=FILE`. */
  readonly args?: readonly string[] | undefined;
}

const optionKinds: OptionKinds<VaultServerOptions> = {
  external: 'true or false',
  token: 'text',
  port: 'anything',
  args: 'a list of texts',
};

/** What {@link VaultServer.request} takes besides method, path and body. */
export interface VaultRequestOptions {
  /** Default: the root token. `''` sends none. */
  readonly token?: string | undefined;
  /** More headers, such as `X-Vault-Namespace` or `X-Vault-Wrap-TTL`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Statuses besides 2xx that are an answer rather than an error. */
  readonly allow?: readonly number[] | undefined;
}

/** The body of a Vault answer: the envelope's usual members, all of which may be absent. */
export interface VaultBody {
  readonly data?: Readonly<Record<string, unknown>>;
  readonly auth?: { readonly client_token: string; readonly accessor: string };
  readonly wrap_info?: { readonly token: string; readonly accessor: string };
  readonly errors?: readonly string[];
  readonly [member: string]: unknown;
}

/** What the server answered. */
export interface VaultAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** `{}` where the answer had none (204). */
  readonly body: VaultBody;
}

/** Options of {@link VaultServer.createToken}. */
export interface VaultTokenOptions {
  /** Names of policies. Default: `default` alone. */
  readonly policies?: readonly string[] | undefined;
  /** Time to live as Vault writes it: `'10s'`. Default: the server's. */
  readonly ttl?: string | undefined;
  /** More members of the request to `auth/token/create`, such as `num_uses` or `renewable`. */
  readonly more?: Readonly<Record<string, unknown>> | undefined;
}

/** A running server. */
export interface VaultServer {
  /** `http://127.0.0.1:PORT`; the same after {@link restart}. */
  readonly address: string;
  /** The root token. */
  readonly token: string;
  /** Whether it was started here; `false` for one that was running already. */
  readonly started: boolean;
  /**
   * Asks the server out of band, for seeding and for looking behind a provider's back.
   *
   * @param path - without `/v1/`, encoded by the caller where it needs to be
   * @throws an `Error` with status and the server's errors, unless 2xx or one of `allow`
   */
  request(
    method: string,
    path: string,
    body?: unknown,
    options?: VaultRequestOptions,
  ): Promise<VaultAnswer>;
  /** Mounts a fresh KV engine and waits until it takes writes. Returns its path, without slashes. */
  mountKv(options?: { readonly version?: 1 | 2; readonly path?: string }): Promise<string>;
  /** Creates a policy of these HCL or JSON rules and returns its name. */
  createPolicy(rules: string, name?: string): Promise<string>;
  /** Creates a token. */
  createToken(
    options?: VaultTokenOptions,
  ): Promise<{ readonly token: string; readonly accessor: string }>;
  /** The end of the server's own log, up to 16 KiB. */
  log(): string;
  /** SIGTERM, and waits until it is gone. Does nothing to a server that was running already. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash: open connections are reset. Waits until it is gone. */
  kill(): Promise<void>;
  /** SIGSTOP: connections are accepted and never answered. Waits until it stands. */
  pause(): Promise<void>;
  /** SIGCONT, and waits until it answers. */
  resume(): Promise<void>;
  /** Ends it if it runs, and starts an empty one on the same port with the same root token. */
  restart(): Promise<void>;
  /** As {@link stop}. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a Vault-compatible dev server, or takes the one that runs (see `external`). Takes 1 to 2 s;
 * the very first time on a machine without `bao` or `vault` it fetches OpenBao ({@link findVaultBinary}).
 *
 * @throws an `Error` that says how to get a server, or with the end of its log if it does not start
 * @example
 * ```ts
 * import { startVaultServer } from '@keyfall/testkit';
 *
 * const server = await startVaultServer();
 * const mount = await server.mountKv({ version: 2 });
 * await server.request('POST', `${mount}/data/shop`, { data: { TOKEN: 'value' } });
 * await server.stop();
 * ```
 */
export async function startVaultServer(options: VaultServerOptions = {}): Promise<VaultServer> {
  assertOptions(options, 'startVaultServer', optionKinds);
  const running = runningServer(options.external);
  if (running !== undefined) {
    if (await healthy(running.address)) return serverOver(running, undefined);
    throw new Error(`${running.variable} is set, but no healthy server answers there.`);
  }
  const token = options.token ?? `root-${randomBytes(12).toString('hex')}`;
  const binary = await findVaultBinary();
  const startOn = async (port: number): Promise<VaultServer> => {
    const address = `http://127.0.0.1:${port}`;
    const supervised = serverProcess({
      binary,
      args: [
        'server',
        '-dev',
        '-dev-no-store-token', // else it writes the user's ~/.vault-token
        `-dev-listen-address=127.0.0.1:${port}`,
        ...(options.args ?? []),
      ],
      // by the environment, where `ps` does not show it
      env: { BAO_DEV_ROOT_TOKEN_ID: token, VAULT_DEV_ROOT_TOKEN_ID: token },
      ready: async () => (await healthy(address)) && (await takesWrites(address, token)),
    });
    await supervised.start();
    return serverOver({ address, token }, supervised);
  };
  return options.port === undefined
    ? onFreePorts(async (nextPort) => startOn(await nextPort()))
    : startOn(options.port);
}

let shared: Promise<VaultServer> | undefined;

/**
 * The server that tests share: the first call starts it, and it ends with the process. It is for tests that have a
 * mount, a path or a policy of their own in it, since what one test leaves there the next one finds. None of them ends
 * it: `stop` does nothing, and `kill`, `pause`, `resume` and `restart` reject. Test files share it where they share
 * a process (in Vitest with `isolate: false`).
 *
 * @throws as {@link startVaultServer}
 * @example
 * ```ts
 * import { sharedVaultServer } from '@keyfall/testkit';
 *
 * const server = await sharedVaultServer();
 * const mount = await server.mountKv({ version: 2 });
 * ```
 */
export function sharedVaultServer(): Promise<VaultServer> {
  shared ??= startVaultServer({ external: false }).then((server) => serverOver(server, undefined));
  return shared;
}

/**
 * The mount `secret` of a dev server upgrades itself first, and answers 400 meanwhile. A server that refuses
 * our root token is another one, which took the port first: ours is about to fail for that reason.
 */
async function takesWrites(address: string, token: string): Promise<boolean> {
  const passing = [400, 403, 500, 503];
  const { status } = await serverOver({ address, token }, undefined).request(
    'GET',
    'secret/config',
    undefined,
    // what arguments of one's own may lead to, such as no mount, is not waited for
    { allow: [...passing, 404] },
  );
  return !passing.includes(status);
}

function runningServer(
  external: boolean | undefined,
): { address: string; token: string; variable: string } | undefined {
  if (external === false) return undefined;
  const variable = process.env['BAO_ADDR'] === undefined ? 'VAULT_ADDR' : 'BAO_ADDR';
  const address = process.env[variable];
  if (!address || !URL.canParse(address)) return undefined;
  const { hostname } = new URL(address);
  if (external !== true && !/^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname)) return undefined;
  const token = process.env['BAO_TOKEN'] ?? process.env['VAULT_TOKEN'] ?? '';
  return { address: address.replace(/\/+$/, ''), token, variable };
}

/** The verbs of a server at an address, with the process behind it where that is ours. */
export function serverOver(
  { address, token }: { readonly address: string; readonly token: string },
  supervised: ServerProcess | undefined,
): VaultServer {
  const mine = (): ServerProcess => {
    if (supervised) return supervised;
    throw new Error(
      'This server is used by others: start one with startVaultServer({ external: false }).',
    );
  };

  async function request(
    method: string,
    path: string,
    body?: unknown,
    { token: as = token, headers = {}, allow = [] }: VaultRequestOptions = {},
  ): Promise<VaultAnswer> {
    const answer = await fetch(`${address}/v1/${path}`, {
      method,
      headers: {
        'X-Vault-Request': 'true',
        ...(as === '' ? {} : { 'X-Vault-Token': as }),
        ...headers,
      },
      redirect: 'error',
      signal: AbortSignal.timeout(30_000),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    const parsed: VaultBody = text.startsWith('{') ? JSON.parse(text) : {};
    if (answer.ok || allow.includes(answer.status))
      return { status: answer.status, headers: answer.headers, body: parsed };
    throw new Error(`${method} ${path}: ${answer.status} ${(parsed.errors ?? []).join('; ')}`);
  }

  async function mountKv({
    version = 2,
    path = `kv-${randomBytes(6).toString('hex')}`,
  }: {
    readonly version?: 1 | 2;
    readonly path?: string;
  } = {}): Promise<string> {
    await request('POST', `sys/mounts/${path}`, {
      type: 'kv',
      options: { version: String(version) },
    });
    // a fresh v2 mount upgrades itself first, and answers 400 meanwhile
    await until(async () => {
      const { status } = await request(
        'GET',
        `${path}/${version === 2 ? 'config' : 'none'}`,
        undefined,
        {
          allow: [400, 404],
        },
      );
      return status !== 400;
    }, `the mount ${path} to be ready`);
    return path;
  }

  async function createPolicy(
    rules: string,
    name: string = `policy-${randomBytes(6).toString('hex')}`,
  ): Promise<string> {
    await request('PUT', `sys/policies/acl/${name}`, { policy: rules });
    return name;
  }

  async function createToken({ policies, ttl, more }: VaultTokenOptions = {}): Promise<{
    token: string;
    accessor: string;
  }> {
    const { body } = await request('POST', 'auth/token/create', {
      policies: policies ?? ['default'],
      ...(ttl === undefined ? {} : { ttl }),
      ...more,
    });
    if (!body.auth) throw new Error('auth/token/create answered without auth.');
    return { token: body.auth.client_token, accessor: body.auth.accessor };
  }

  const stop = async (): Promise<void> => supervised?.end('SIGTERM');
  return {
    address,
    token,
    started: supervised !== undefined,
    request,
    mountKv,
    createPolicy,
    createToken,
    log: () => supervised?.log() ?? '',
    stop,
    kill: async () => mine().end('SIGKILL'),
    pause: async () => mine().pause(),
    resume: async () => mine().resume(),
    restart: async () => {
      await mine().end('SIGTERM');
      await mine().start();
    },
    [Symbol.asyncDispose]: stop,
  };
}
