/**
 * The stores of a soak and what goes wrong with them: a real server with storage behind a line that can be cut, an
 * encrypted file and a `.env`. Every write is entered in the ledger before it is made.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { createSecrets, isSecretError, type Secrets } from '@keyfall/core';
import { encryptSopsFile, ownAgeKey } from '@keyfall/provider-sops';
import { vaultProvider } from '@keyfall/provider-vault';
import { cuttingProxy, startVaultCluster, type VaultNode } from '@keyfall/testkit';
import { digestOf, names, now } from './messages.ts';
import type { Oracle } from './oracle.ts';
import type { Chance, Fault } from './schedule.ts';

/** The stores of a run. */
export interface Stage {
  readonly server: VaultNode;
  /** What every value begins with, and nothing else has in it. */
  readonly marker: string;
  /** What a reader is started with, for its stores. */
  readonly connection: {
    readonly address: string;
    readonly mount: string;
    readonly path: string;
    readonly forbiddenPath: string;
    readonly sopsFile: string;
    readonly ageKeyFile: string;
    readonly dotenvFile: string;
  };
  /** A token that may read the document, for programs that have no login. */
  readonly token: string;
  /** Credentials of a role of its own; `wrapped`: as a token that opens to the secret id, once. */
  newRole(
    id: string,
    wrapped?: boolean,
  ): Promise<{ readonly roleId: string; readonly secretId: string }>;
  /** Writes a new value through a chain, or deletes it. Resolves when what became of it is in the ledger. */
  rotate(name: string, remove?: boolean): Promise<void>;
  /** Writes both files anew. */
  rewriteFiles(): Promise<void>;
  /** Has the document changed behind the ledger's back. */
  tamper(change: (held: Record<string, string>) => void): Promise<void>;
  /** Makes a value that is in no store. */
  newValue(): string;
  /** Begins a fault of the stores or the line. What is returned ends it. */
  begin(fault: Fault): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** Milliseconds between two attempts to write when nothing else is wrong. */
const settlingPause = 200;

/** @param marker - what every value begins with */
export async function openStage(
  folder: string,
  marker: string,
  oracle: Oracle,
  chance: Chance,
): Promise<Stage> {
  const cluster = await startVaultCluster({ size: 1 });
  const server = await cluster.active();
  const line = await cuttingProxy({ target: server.address });
  const mount = await server.mountKv({ version: 2 });
  const [path, forbiddenPath] = ['shop', 'forbidden'];
  const files = join(folder, 'stores');
  await mkdir(files);
  const sopsFile = join(files, 'secrets.enc.yaml');
  const ageKeyFile = join(files, 'sops', 'age', 'keys.txt');
  const dotenvFile = join(files, '.env');
  const { recipient } = await ownAgeKey({ environment: { XDG_CONFIG_HOME: files } });
  let values = 0;

  function newValue(): string {
    values += 1;
    // a value of each kind: plain, of several lines, beyond ASCII
    const more = ['', `\nsecond line ${randomBytes(12).toString('hex')}`, ' \u00fc\u{1f511}"'][
      values % 3
    ];
    return `${marker}${randomBytes(18).toString('base64url')}${more}`;
  }

  const { everywhere, bound, vaultOnly, sopsOnly, dotenvOnly, comesAndGoes, seldom } = names;
  const inVault = [...everywhere, bound, vaultOnly, seldom];
  const inSops = [...everywhere, bound, sopsOnly];
  const inDotenv = [...everywhere, bound, dotenvOnly, seldom];
  for (const name of inVault) oracle.name('vault', name);
  oracle.name('vault', comesAndGoes, { comesAndGoes: true });
  for (const name of inSops) oracle.name('sops', name);
  for (const name of inDotenv) oracle.name('dotenv', name);

  const data = `${mount}/data/${path}`;
  const first = Object.fromEntries(inVault.map((name) => [name, newValue()]));
  const begun = Object.entries(first).map(([name, value]) =>
    oracle.write('vault', name, digestOf(value), now()),
  );
  begun.push(oracle.write('vault', comesAndGoes, null, now()));
  await server.request('POST', data, { data: first });
  for (const settle of begun) settle('written', now());

  const mayRead = `path "${data}" { capabilities = ["read"] }`;
  const policy = await server.createPolicy(mayRead, 'reader');
  const { token } = await server.createToken({ policies: ['default', policy] });
  const writePolicy = await server.createPolicy(
    `path "${data}" { capabilities = ["create", "read", "update", "patch"] }
path "${mount}/metadata/${path}" { capabilities = ["read"] }`,
    'writer',
  );
  const writeToken = (await server.createToken({ policies: ['default', writePolicy] })).token;
  const writer: Secrets = createSecrets({
    providers: [
      vaultProvider({
        address: line.address,
        token: writeToken,
        mount,
        path,
        kvVersion: 2,
        env: {},
      }),
    ],
    ttl: 0,
  });
  for (const type of ['fallback', 'recovered', 'warning'] as const) writer.on(type, () => {});
  await server.request('POST', 'sys/auth/approle', { type: 'approle' });

  async function rewriteFiles(): Promise<void> {
    const drafts = (store: string, held: readonly string[]) =>
      held.map((name) => {
        // a line of a .env has no second one without quotes
        const value = newValue().replace(/[^\w-]/g, '');
        return { name, value, settle: oracle.write(store, name, digestOf(value), now()) };
      });
    const encrypted = drafts('sops', inSops);
    const contents = new Map(encrypted.map(({ name, value }) => [name, value]));
    await encryptSopsFile(sopsFile, contents, { ageRecipients: [recipient] });
    for (const { settle } of encrypted) settle('written', now());

    const plain = drafts('dotenv', inDotenv);
    const next = `${dotenvFile}.next`;
    await writeFile(next, plain.map(({ name, value }) => `${name}=${value}\n`).join(''), {
      mode: 0o600,
    });
    await rename(next, dotenvFile);
    for (const { settle } of plain) settle('written', now());
  }
  await rewriteFiles();
  await chmod(files, 0o700);

  /** It is the only node, and has to become the leader of itself. */
  async function active(back: Promise<void>): Promise<void> {
    await back;
    await cluster.active();
  }

  /** Does what may fail while the server starts, or has no turn. */
  async function persist<Result>(work: () => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt += 1)
      try {
        return await work();
      } catch (error) {
        if (attempt === 20) throw error;
        await wait(500);
      }
  }

  async function begin(fault: Fault): Promise<() => Promise<void>> {
    const pass = async () => line.set({ kind: 'pass' });
    switch (fault.kind) {
      case 'kill':
        await server.kill();
        return () => active(server.start());
      case 'seal':
        await server.seal();
        return () => active(server.unseal());
      case 'pause-server':
        await server.pause();
        return () => active(server.resume());
      case 'deny': {
        const end = oracle.refuse('vault', now());
        const rules = `path "${data}" { capabilities = ["deny"] }`;
        await persist(() => server.createPolicy(rules, policy));
        return async () => {
          await persist(() => server.createPolicy(mayRead, policy));
          end(now());
        };
      }
      case 'revoke': {
        // as long as it is not known whether it was the token, it is a refusal
        const end = oracle.refuse('vault', now());
        const path = 'sys/leases/revoke-prefix/auth/approle/login';
        await persist(() => server.request('PUT', path, {}));
        return async () => end(now());
      }
      case 'files':
        await rewriteFiles();
        return async () => {};
      case 'cut':
      case 'drop-answers':
      case 'dark':
      case 'trickle':
        line.set(fault);
        return pass;
      default:
        return async () => {};
    }
  }

  return {
    server,
    marker,
    connection: {
      address: line.address,
      mount,
      path,
      forbiddenPath,
      sopsFile,
      ageKeyFile,
      dotenvFile,
    },
    token,
    newValue,
    rewriteFiles,
    begin,
    async newRole(id, wrapped = false) {
      const role = `auth/approle/role/${id}`;
      const settings = { token_policies: policy, token_ttl: '6s', token_max_ttl: '20s' };
      await server.request('POST', role, settings);
      const { body } = await server.request('GET', `${role}/role-id`);
      const headers = wrapped ? { 'X-Vault-Wrap-TTL': '300s' } : {};
      const made = await server.request('POST', `${role}/secret-id`, {}, { headers });
      const secretId = wrapped ? made.body.wrap_info?.token : made.body.data?.['secret_id'];
      return { roleId: String(body.data?.['role_id']), secretId: String(secretId) };
    },
    async rotate(name, remove = false) {
      const value = newValue();
      const settle = oracle.write('vault', name, remove ? null : digestOf(value), now());
      try {
        await (remove ? writer.delete(name) : writer.set(name, value));
        settle('written', now());
      } catch (error) {
        if (!isSecretError(error)) throw error;
        // a name that is deleted already
        if (error.code === 'ERR_SECRET_NOT_FOUND') return settle('unknown', now());
        const fates = { no: 'not written', yes: 'written', unknown: 'unknown' } as const;
        settle(fates[error.applied ?? 'unknown'], now());
        // aborted: by the end of a run that has failed
        if (!/_(?:UNAVAILABLE|ABORTED)$/.test(error.code))
          oracle.violated(
            'wrong-error',
            'writer',
            `${error.code} for a write of ${name}: ${error.message}`,
            now(),
          );
        await wait(settlingPause + chance.between(0, settlingPause));
      }
    },
    async tamper(change) {
      const { body } = await server.request('GET', data);
      const held = { ...(body.data?.['data'] as Record<string, string>) };
      change(held);
      await server.request('POST', data, { data: held });
    },
    async close() {
      await writer.close();
      await line.close();
      await cluster.stop();
    },
  };
}
