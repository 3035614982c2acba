/**
 * A Secret of Kubernetes as a provider, by the API: its keys are the names. A Secret that is mounted as files is read by
 * `@keyfall/provider-files`, which needs no right at all.
 */
import { isUtf8 } from 'node:buffer';
import {
  assertOptions,
  checked,
  lazySettings,
  type OptionKinds,
  type ReadContext,
  type SecretBatch,
  SecretError,
  type SecretProvider,
  type SecretRecord,
  unconfiguredProvider,
} from '@keyfall/core/provider';
import { clusterOf, isLocal } from './cluster-settings.ts';
import { type KubernetesApi, kubernetesApi, wrongAddress } from './kubernetes-api.ts';
import { watchSecret } from './watch-secret.ts';

/** Options of {@link kubernetesProvider}. */
export interface KubernetesProviderOptions {
  /** The name of the Secret. Its keys are the names. */
  readonly secret: string | undefined;
  /** Default: the pod's own; `default` with an `address`. */
  readonly namespace?: string | undefined;
  /**
   * The origin of the API. Default: that of the cluster in which this pod runs. `http` is for this machine only: that of
   * `kubectl proxy` is `http://127.0.0.1:8001`, and needs no token.
   */
  readonly address?: string | undefined;
  /** A bearer token. Default: the file. */
  readonly token?: string | undefined;
  /** The file with the token, which is read for each request. Default: that of the pod's service account. */
  readonly tokenFile?: string | undefined;
  /** A file with the certificates that are trusted, in PEM. Default: that of the pod; with an `address`, Node's own. */
  readonly caFile?: string | undefined;
  /** Unique in the chain. Default `kubernetes`. */
  readonly name?: string | undefined;
}

const kind = 'kubernetes';

const optionKinds: OptionKinds<KubernetesProviderOptions> = {
  secret: 'text',
  namespace: 'text',
  address: 'text',
  token: 'text',
  tokenFile: 'text',
  caFile: 'text',
  name: 'text',
};

/** How often a write starts over because another writer was faster. */
const maxAttempts = 4;

/**
 * A Secret of Kubernetes. One request answers every name, and a write changes the keys that it names and no other one, all or
 * nothing. While something watches, the API reports changes as they happen.
 *
 * Making the provider does no I/O and reads no environment.
 *
 * @throws `ERR_SECRET_CONFIG` naming the option that is wrong. A missing `secret` is that at the first call, and so is a missing
 *   address outside of a pod
 * @example
 * ```ts
 * import { createSecrets } from '@keyfall/core';
 * import { kubernetesProvider } from '@keyfall/provider-kubernetes';
 *
 * const secrets = createSecrets({ providers: [kubernetesProvider({ secret: 'shop' })] });
 * const token = await secrets.get('TOKEN');
 * ```
 */
export function kubernetesProvider(options: KubernetesProviderOptions): SecretProvider {
  assertOptions(options, 'kubernetesProvider', optionKinds);
  const { secret, name: provider = kind } = options;
  checkOptions(options, provider);
  if (secret === undefined)
    return unconfiguredProvider(
      kind,
      new SecretError('ERR_SECRET_CONFIG', 'the option secret is missing', {
        provider,
        setting: { option: 'secret', isMissing: true },
        hint: 'Name the Secret of Kubernetes.',
      }),
      { write: true },
    );
  const shown = `${options.namespace === undefined ? '' : `${options.namespace}/`}${secret}`;
  const settings = lazySettings(() => clusterOf(options, provider));
  const api: KubernetesApi = kubernetesApi(settings, `the Secret ${shown}`, provider);

  /** The state of the Secret that the last read has shown; empty while there is none. */
  let shownState: string | undefined;

  async function read(_names: unknown, context: ReadContext): Promise<SecretBatch> {
    const stamp = context.stamp?.();
    const stamped = stamp === undefined ? {} : { stamp };
    const reply = await api.ask({ method: 'GET', path: `/${secret}` }, context);
    if (reply.kind === 'missing') {
      shownState = '';
      const description = `has nothing: the Secret ${shown} does not exist`;
      const missingDocument = { description, optional: false };
      // for a conditional write that creates it
      return { entries: new Map(), complete: true, missingDocument, revision: '', ...stamped };
    }
    if (reply.kind !== 'ok') throw reply.error;
    const content = contentOf(reply.json);
    shownState = content.revision;
    return { ...content, complete: true, ...stamped };
  }

  function contentOf(json: unknown): Pick<SecretBatch, 'entries'> & { readonly revision: string } {
    const { data = {}, metadata } = Object(json);
    const { resourceVersion: revision } = Object(metadata);
    const invalid = (what: string, details: object = {}) =>
      new SecretError('ERR_SECRET_INVALID', what, { provider, hint: wrongAddress, ...details });
    if (typeof revision !== 'string' || Object(data) !== data || Array.isArray(data))
      throw invalid(`the answer for the Secret ${shown} has no version or no keys`);
    const entries = new Map<string, SecretRecord | SecretError>();
    for (const [secretName, value] of Object.entries(data)) {
      const bytes =
        typeof value === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(value)
          ? Buffer.from(value, 'base64')
          : undefined;
      if (bytes !== undefined && isUtf8(bytes))
        entries.set(secretName, { value: bytes.toString(), version: revision });
      else
        entries.set(
          secretName,
          invalid(`${secretName} holds bytes that are no UTF-8`, {
            secretName,
            hint: 'Mount the Secret, and read the bytes of the file.',
          }),
        );
    }
    return { entries, revision };
  }

  async function write(
    { entries, ifRevision }: Parameters<NonNullable<SecretProvider['write']>>[0],
    context: ReadContext,
  ) {
    for (const [name, value] of entries) assertWritable(name, value, provider);
    const data = Object.fromEntries(
      [...entries].map(([name, value]) => [
        name,
        value === null ? null : Buffer.from(value).toString('base64'),
      ]),
    );
    const conflict = () =>
      new SecretError(
        'ERR_SECRET_CONFLICT',
        `the Secret ${shown} was written by someone else since it was read`,
        { provider, applied: 'no', hint: 'Read it again and repeat the change.' },
      );
    const receiptOf = (json: unknown) => {
      const { revision } = contentOf(json);
      return { revision, version: revision, conditional: true };
    };
    // the API merges: keys that are not named stay as other writers leave them
    const patch = () => {
      const metadata = ifRevision === undefined ? {} : { resourceVersion: ifRevision };
      return api.ask({ method: 'PATCH', path: `/${secret}`, body: { metadata, data } }, context);
    };
    const create = () => {
      const made = Object.fromEntries(Object.entries(data).filter(([, value]) => value !== null));
      const body = { metadata: { name: secret }, type: 'Opaque', data: made };
      return api.ask({ method: 'POST', path: '', body }, context);
    };
    for (let attempts = 0; attempts < maxAttempts; attempts += 1) {
      if (ifRevision !== '') {
        const patched = await patch();
        if (patched.kind === 'ok') return receiptOf(patched.json);
        if (patched.kind === 'conflict' || (patched.kind === 'missing' && ifRevision !== undefined))
          throw conflict();
        if (patched.kind !== 'missing') throw patched.error;
      }
      const created = await create();
      if (created.kind === 'ok') return receiptOf(created.json);
      if (created.kind !== 'exists') throw created.error;
      if (ifRevision !== undefined) throw conflict();
    }
    throw conflict();
  }

  return {
    name: provider,
    get store() {
      const { known } = settings;
      return known === undefined ? 'not configured' : `${known.origin} ${shown}`;
    },
    get place() {
      const { known } = settings;
      return known === undefined ? { kind } : { kind, address: known.origin, paths: [shown] };
    },
    atomicity: 'store',
    conditionalWrites: 'always',
    read,
    write,
    check: (context) =>
      checked('secret', async () => {
        const { entries, missingDocument } = await read([], context);
        if (!missingDocument)
          return { state: 'ready', message: `the Secret ${shown} holds ${entries.size} names` };
        return {
          state: 'failing',
          message: missingDocument.description,
          hint: 'Check the options secret and namespace, or create it with `keyfall set NAME`.',
          code: 'secret-missing',
        };
      }),
    watch: (onChange, signal) =>
      watchSecret(api, { secret, provider, shownState: () => shownState }, onChange, signal),
    async close() {
      api.close();
    },
  };
}

function checkOptions(options: KubernetesProviderOptions, provider: string): void {
  const configError = (option: keyof KubernetesProviderOptions, what: string, hint: string) => {
    const details = { provider, setting: { option }, hint };
    return new SecretError('ERR_SECRET_CONFIG', `the option ${option} ${what}`, details);
  };
  const { secret, namespace, address, token, tokenFile, caFile } = options;
  // RFC 1123, as Kubernetes asks for (https://kubernetes.io/docs/concepts/overview/working-with-objects/names/)
  const isName = (text: string) =>
    /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/.test(text) && text.length <= 253;
  if (secret !== undefined && !isName(secret))
    throw configError('secret', 'is no name of a Secret', 'Use a-z, 0-9, - and . only.');
  if (namespace !== undefined && !(isName(namespace) && !namespace.includes('.')))
    throw configError('namespace', 'is no name of a namespace', 'Use a-z, 0-9 and - only.');
  if (token !== undefined && tokenFile !== undefined)
    throw configError('tokenFile', 'cannot be combined with token', 'Give one of them.');
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    throw configError('token', 'is not a bearer token', 'It is one line of ASCII.');
  for (const [option, path] of Object.entries({ tokenFile, caFile }))
    if (path !== undefined && (path === '' || path.includes('\0')))
      throw configError(option as 'tokenFile' | 'caFile', 'is not a path', 'Name the file.');
  if (address === undefined) return;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const isOrigin = url !== undefined && `${url.origin}/` === url.href;
  // the address itself is not shown: it may hold a password
  if (
    !isOrigin ||
    !(url.protocol === 'https:' || (url.protocol === 'http:' && isLocal(url.hostname)))
  )
    throw configError(
      'address',
      'is not the origin of an API',
      'Write https:// and a host, and nothing behind it; http:// is for this machine only.',
    );
}

function assertWritable(secretName: string, value: string | null, provider: string): void {
  const unsupported = (what: string, hint: string) => {
    const details = { provider, secretName, hint, applied: 'no' } as const;
    return new SecretError('ERR_SECRET_UNSUPPORTED', `${secretName} ${what}`, details);
  };
  if (!/^[A-Za-z0-9._-]{1,253}$/.test(secretName) || /^\.(?:\.|$)/.test(secretName))
    throw unsupported(
      'is not a key that a Secret can have',
      'Use ASCII letters, digits, - _ and . only, 253 at most.',
    );
  if (value?.isWellFormed() === false)
    throw unsupported('holds half a character', 'Use text that UTF-8 can have.');
}
