/**
 * Google Cloud Secret Manager as a provider: one secret a name, by its REST API.
 */
import {
  assertOptions,
  checked,
  eachPage,
  isSecretError,
  lazySettings,
  nameReader,
  nameWriter,
  type OptionKinds,
  type ReadContext,
  SecretError,
  type SecretProvider,
  type SecretRecord,
  type SecretVersion,
} from '@keyfall/core/provider';
import type { GcpCredentials } from './access-token.ts';
import { type Invalid, pageOf, recordOf, versionOf } from './answers.ts';
import { assertWritable, isPossible } from './names-and-values.ts';
import {
  type CallContext,
  type SecretManagerApi,
  secretManagerApi,
  wrongAddress,
} from './secret-manager-api.ts';

export type { GcpCredentials } from './access-token.ts';

/** Options of {@link gcpSecretManagerProvider}. */
export interface GcpSecretManagerProviderOptions {
  /** The id of the project, or its number. Default: the variable `GOOGLE_CLOUD_PROJECT`. */
  readonly project?: string | undefined;
  /** `TOKEN` is the secret `<prefix>TOKEN`. Default `''`: every secret of the project that the caller may list. */
  readonly prefix?: string | undefined;
  /**
   * A `GoogleAuth` or another client of google-auth-library, with the scope `cloud-platform`. Default: what that library
   * finds by itself: `GOOGLE_APPLICATION_CREDENTIALS`, the login of gcloud, the service account of the machine.
   */
  readonly credentials?: GcpCredentials | undefined;
  /** Another origin of the API, such as an endpoint of a private network. Default `https://secretmanager.googleapis.com`. */
  readonly address?: string | undefined;
  /** Unique in the chain. Default `gcp-secret-manager`. */
  readonly name?: string | undefined;
}

const kind = 'gcp-secret-manager';
const googleAddress = 'https://secretmanager.googleapis.com';
const projectVariable = 'GOOGLE_CLOUD_PROJECT';

const optionKinds: OptionKinds<GcpSecretManagerProviderOptions> = {
  project: 'text',
  prefix: 'text',
  credentials: 'anything',
  address: 'text',
  name: 'text',
};

/**
 * Secrets of Google Cloud Secret Manager, one secret a name: the newest version is the value, which must be UTF-8. A secret
 * whose newest version is disabled or destroyed counts as absent.
 *
 * Making the provider does no I/O: the first call loads google-auth-library.
 *
 * @throws `ERR_SECRET_CONFIG` naming the option that is wrong. A missing project is that at the first call
 * @example
 * ```ts
 * import { createSecrets } from '@keyfall/core';
 * import { gcpSecretManagerProvider } from '@keyfall/provider-gcp-secret-manager';
 *
 * const secrets = createSecrets({
 *   providers: [gcpSecretManagerProvider({ project: 'shop-prod', prefix: 'shop-' })],
 * });
 * const token = await secrets.get('TOKEN'); // the secret shop-TOKEN
 * ```
 */
export function gcpSecretManagerProvider(
  options: GcpSecretManagerProviderOptions = {},
): SecretProvider {
  assertOptions(options, 'gcpSecretManagerProvider', optionKinds);
  const { name: provider = kind, prefix = '', credentials } = options;
  const origin = checkOptions(options, provider);
  const settings = lazySettings(() => projectOf(options.project, provider));
  const api: SecretManagerApi = secretManagerApi({ provider, origin, credentials });

  const invalid: Invalid = (what, secretName) =>
    new SecretError('ERR_SECRET_INVALID', what, {
      provider,
      ...(secretName !== undefined && { secretName }),
      hint: wrongAddress,
    });
  const secretsPath = () => `projects/${settings()}/secrets`;
  const subjectOf = (name: string) => `the secret ${prefix}${name}`;

  /** The answer that a version cannot be had in its state: disabled and destroyed is not here, and anything else an error. */
  async function stateAllows(name: string, version: string, context: CallContext): Promise<void> {
    const path = `${secretsPath()}/${prefix}${name}/versions/${version}`;
    const reply = await api.ask({ path, subject: subjectOf(name) }, context);
    if (reply.kind === 'missing') return;
    const state = reply.kind === 'ok' ? reply.json['state'] : undefined;
    if (state === 'DISABLED' || state === 'DESTROYED') return;
    throw new SecretError(
      'ERR_SECRET_DENIED',
      `${subjectOf(name)} cannot be decrypted: its KMS key is disabled, or may not be used`,
      {
        provider,
        hint: 'Enable the key, and allow it to the service agent of Secret Manager.',
      },
    );
  }

  async function readOne(
    name: string,
    context: CallContext,
    version = 'latest',
  ): Promise<SecretRecord | SecretError | undefined> {
    const path = `${secretsPath()}/${prefix}${name}/versions/${version}:access`;
    const reply = await api.ask({ path, subject: subjectOf(name) }, context);
    if (reply.kind === 'missing') return undefined;
    if (reply.kind === 'precondition') {
      await stateAllows(name, version, context);
      return undefined;
    }
    if (reply.kind !== 'ok') throw reply.error;
    return recordOf(name, reply.json, invalid);
  }
  const readNames = nameReader<CallContext>({ one: readOne });

  async function listNames(context: CallContext): Promise<readonly string[]> {
    const names: string[] = [];
    const what = 'the list of secrets';
    await eachPage(
      async (pageToken) => {
        const query = new URLSearchParams({
          pageSize: '1000',
          ...(prefix !== '' && { filter: `name:${prefix}` }),
          ...(pageToken !== undefined && { pageToken }),
        });
        const reply = await api.ask({ path: `${secretsPath()}?${query}`, subject: what }, context);
        const { ids, next } = pageOf(reply, 'secrets', what, invalid);
        // the filter takes any part of the name
        for (const id of ids)
          if (id.startsWith(prefix) && id !== prefix) names.push(id.slice(prefix.length));
        return { ids, next };
      },
      { what, provider, hint: wrongAddress },
    );
    return names;
  }

  /** The new version. */
  async function put(name: string, value: string, context: CallContext): Promise<string> {
    const subject = subjectOf(name);
    const data = Buffer.from(value).toString('base64');
    const add = () =>
      api.ask(
        {
          method: 'POST',
          path: `${secretsPath()}/${prefix}${name}:addVersion`,
          body: { payload: { data } },
          subject,
        },
        context,
      );
    let reply = await add();
    if (reply.kind === 'missing') {
      const made = await api.ask(
        {
          method: 'POST',
          path: `${secretsPath()}?${new URLSearchParams({ secretId: prefix + name })}`,
          body: { replication: { automatic: {} } },
          subject,
        },
        context,
      );
      // another writer was first: now it can be written
      if (made.kind !== 'ok' && made.kind !== 'exists') throw made.error;
      reply = await add();
    }
    if (reply.kind !== 'ok') throw reply.error;
    const version = versionOf(reply.json);
    if (version === undefined)
      throw invalid('the answer has no version', name).with({ applied: 'unknown' });
    return version;
  }

  return {
    name: provider,
    get store() {
      const { known } = settings;
      return known === undefined ? 'not configured' : `${known}/${prefix}*`;
    },
    get place() {
      const { known } = settings;
      if (known === undefined) return { kind };
      return { kind, address: origin, paths: [`${known}/${prefix}*`] };
    },
    get credentialVariables() {
      return credentials === undefined ? keyFile : none;
    },
    atomicity: 'name',
    conditionalWrites: 'never',
    async read(names, context) {
      const wanted = names === 'all' ? await listNames(context) : names;
      settings();
      // a name that no secret can have does not exist, and is not asked for
      const possible = wanted.filter((name) => isPossible(prefix + name));
      return { entries: await readNames(possible, context), complete: names === 'all' };
    },
    list: listNames,
    write: nameWriter({
      provider,
      assertWritable: (name, value) => {
        settings();
        assertWritable(prefix, name, value, provider);
      },
      async one(name, value, context) {
        if (value !== null) return put(name, value, context);
        const path = `${secretsPath()}/${prefix}${name}`;
        const reply = await api.ask({ method: 'DELETE', path, subject: subjectOf(name) }, context);
        if (reply.kind !== 'ok' && reply.kind !== 'missing') throw reply.error;
        return undefined;
      },
    }),
    history: (name, context) => historyOf(name, context),
    async readVersion(name, version, context) {
      if (!isPossible(prefix + name) || !/^\d+$/.test(version)) return undefined;
      const entry = await readOne(name, context, version);
      if (isSecretError(entry)) throw entry;
      return entry;
    },
    check: (context) =>
      checked('secrets', async () => {
        const { length } = await listNames(context);
        const message = `${length} secrets of ${settings()} begin with ${prefix || 'anything'}`;
        if (length > 0) return { state: 'ready', message };
        const hint = 'Check the options project and prefix.';
        return { state: 'failing', message, hint, code: 'no-secrets' };
      }),
    async close() {
      api.close();
    },
  };

  async function historyOf(name: string, context: ReadContext): Promise<readonly SecretVersion[]> {
    if (!isPossible(prefix + name)) return [];
    const versions: SecretVersion[] = [];
    const what = `the versions of ${prefix}${name}`;
    await eachPage(
      async (pageToken) => {
        const query = new URLSearchParams({
          pageSize: '1000',
          ...(pageToken !== undefined && { pageToken }),
        });
        const path = `${secretsPath()}/${prefix}${name}/versions?${query}`;
        const reply = await api.ask({ path, subject: subjectOf(name) }, context);
        if (reply.kind === 'missing') return { ids: [], next: undefined };
        const { items, ids, next } = pageOf(reply, 'versions', what, invalid);
        for (const [at, version] of ids.entries()) {
          const { state, createTime } = Object(items[at]);
          const createdAt = Date.parse(String(createTime));
          versions.push({
            version,
            ...(Number.isFinite(createdAt) && { createdAt }),
            state:
              state === 'DESTROYED' ? 'destroyed' : state === 'DISABLED' ? 'deleted' : 'previous',
            held: true,
          });
        }
        return { ids, next };
      },
      { what, provider, hint: wrongAddress },
    );
    versions.sort((one, other) => Number(other.version) - Number(one.version));
    return versions.map((each, at) =>
      at === 0 && each.state === 'previous' ? { ...each, state: 'current' } : each,
    );
  }
}

/** The variable by which google-auth-library finds a key. */
const keyFile: ReadonlySet<string> = new Set(['GOOGLE_APPLICATION_CREDENTIALS']);
const none: ReadonlySet<string> = new Set();

function projectOf(option: string | undefined, provider: string): string {
  const project = option ?? process.env[projectVariable] ?? '';
  if (isProject(project)) return project;
  const setting = { option: 'project', variable: projectVariable };
  if (project !== '')
    throw new SecretError('ERR_SECRET_CONFIG', `${projectVariable} is no id of a project`, {
      provider,
      setting,
      hint: 'Use the id of the project or its number, without projects/ before it.',
    });
  throw new SecretError(
    'ERR_SECRET_CONFIG',
    `there is no project: set the option project or the variable ${projectVariable}`,
    {
      provider,
      setting: { ...setting, isMissing: true },
      hint: '`gcloud projects list` shows their ids.',
    },
  );
}

/** An id may have the domain of its organisation before it (Resource Manager, "Creating and managing projects"). */
function isProject(text: string): boolean {
  return /^(?:[a-z0-9.-]+:)?[a-z0-9][a-z0-9-]{0,62}$/.test(text);
}

/** The origin of the API. */
function checkOptions(
  { project, prefix = '', credentials, address = googleAddress }: GcpSecretManagerProviderOptions,
  provider: string,
): string {
  const configError = (option: string, what: string, hint: string) =>
    new SecretError('ERR_SECRET_CONFIG', `the option ${option} ${what}`, {
      provider,
      setting: { option },
      hint,
    });
  if (project !== undefined && !isProject(project))
    throw configError(
      'project',
      'is no id of a project',
      'Use the id of the project or its number, without projects/ before it.',
    );
  // with such a prefix no secret could exist, and every name would seem to be missing
  if (!/^[A-Za-z0-9_-]{0,254}$/.test(prefix))
    throw configError(
      'prefix',
      'is too long, or has a character that no id of a secret can have',
      'Use ASCII letters, digits, - and _ only.',
    );
  if (credentials !== undefined && typeof credentials?.getAccessToken !== 'function')
    throw configError(
      'credentials',
      'cannot give tokens',
      'Use a GoogleAuth of google-auth-library, or leave it out.',
    );
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const isLocal = /^(?:127(?:\.\d{1,3}){3}|localhost|\[::1\])$/.test(url?.hostname ?? '');
  const isOrigin = url !== undefined && `${url.origin}/` === url.href;
  // the address itself is not shown: it may hold a password
  if (!isOrigin || !(url.protocol === 'https:' || (url.protocol === 'http:' && isLocal)))
    throw configError(
      'address',
      'is not the origin of an API',
      'Write https:// and a host, and nothing behind it; http:// is for this machine only.',
    );
  return url.origin;
}
