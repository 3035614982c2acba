/**
 * AWS SSM Parameter Store as a provider: one parameter a name, below a path.
 */
import type { SSMClient } from '@aws-sdk/client-ssm';
import { accessKeyVariables, type CallContext, stampedContext } from '@keyfall/aws';
import {
  assertOptions,
  checked,
  type Duration,
  eachPage,
  isSecretError,
  nameReader,
  nameWriter,
  type OptionKinds,
  type Page,
  pollForChanges,
  SecretError,
  type SecretProvider,
  type SecretRecord,
  type SecretVersion,
  toMilliseconds,
  unconfiguredProvider,
} from '@keyfall/core/provider';
import { isPossibleParameter, type ParameterSettings } from './parameter-settings.ts';
import { parameterStoreCalls, wrongEndpoint } from './parameter-store-service.ts';
import { assertWritable, writeParameter } from './write-parameter.ts';

/** Options of {@link awsParameterStoreProvider}. */
export interface AwsParameterStoreProviderOptions {
  /** Where the parameters are: with `/shop/prod`, `TOKEN` is the parameter `/shop/prod/TOKEN`. `/` takes all. */
  readonly path: string | undefined;
  /** Default: what the AWS SDK finds (`AWS_REGION`, the profile). */
  readonly region?: string | undefined;
  /**
   * The KMS key for what is written: its id, its ARN or `alias/NAME`. Default: the one that the parameter has, and for a new
   * parameter the account's `alias/aws/ssm`.
   */
  readonly keyId?: string | undefined;
  /** How often `watch` looks for a new version. Default `'1m'`, at least a second. */
  readonly pollInterval?: Duration | undefined;
  /**
   * A client of the AWS SDK, with the credentials, region, retries and endpoint that the application has set. It
   * excludes the option `region`, and the provider does not close it. Default: a client that takes everything from
   * the environment.
   */
  readonly client?: SSMClient | undefined;
  /** Unique in the chain. Default `aws-parameter-store`. */
  readonly name?: string | undefined;
}

const kind = 'aws-parameter-store';

const optionKinds: OptionKinds<AwsParameterStoreProviderOptions> = {
  path: 'text',
  region: 'text',
  keyId: 'text',
  pollInterval: 'anything',
  client: 'anything',
  name: 'text',
};

/** One parameter, as the SDK returns it. */
interface ParameterContent {
  readonly Name?: string | undefined;
  readonly Value?: string | undefined;
  readonly Version?: number | undefined;
  readonly LastModifiedDate?: Date | undefined;
}

/**
 * Secrets of AWS SSM Parameter Store, one parameter a name. They are read in batches of ten where the policy allows it, and
 * written one by one. A value is the parameter's text: a `StringList` keeps its commas.
 *
 * Making the provider does no I/O: the first call loads the SDK.
 *
 * @throws `ERR_SECRET_CONFIG` naming the option that is wrong. A missing `path` is that at the first call
 * @example
 * ```ts
 * import { createSecrets } from '@keyfall/core';
 * import { awsParameterStoreProvider } from '@keyfall/provider-aws-parameter-store';
 *
 * const secrets = createSecrets({
 *   providers: [awsParameterStoreProvider({ path: '/shop/prod', region: 'eu-central-1' })],
 * });
 * const token = await secrets.get('TOKEN'); // the parameter /shop/prod/TOKEN
 * ```
 */
export function awsParameterStoreProvider(
  options: AwsParameterStoreProviderOptions,
): SecretProvider {
  assertOptions(options, 'awsParameterStoreProvider', optionKinds);
  const { name: provider = kind, region, client, keyId } = options;
  checkOptions(options, provider);
  if (options.path === undefined)
    return unconfiguredProvider(
      kind,
      new SecretError('ERR_SECRET_CONFIG', 'the option path is missing', {
        provider,
        setting: { option: 'path', isMissing: true },
        hint: "Say where the parameters are, such as '/shop/prod'.",
      }),
      { write: true },
    );
  const pollInterval = toMilliseconds(options.pollInterval ?? '1m', 'pollInterval');
  if (pollInterval < 1_000)
    throw configError(provider, 'pollInterval', 'is less than a second', 'AWS limits the rate.');
  const path = options.path.endsWith('/') ? options.path : `${options.path}/`;
  const calls = parameterStoreCalls({
    provider,
    subject: `a parameter below ${path}`,
    region,
    client,
  });
  const settings: ParameterSettings = { calls, provider, path, keyId };

  const broken = (what: string, secretName?: string) => {
    const facts = {
      provider,
      hint: wrongEndpoint,
      ...(secretName !== undefined && { secretName }),
    };
    return new SecretError('ERR_SECRET_INVALID', `the answer ${what}`, facts);
  };
  /** The names in a list of parameters. */
  const namesOf = (parameters: unknown) =>
    textsOf(Array.isArray(parameters) ? parameters.map((each) => Object(each).Name) : undefined);
  function textsOf(list: unknown): readonly string[] {
    if (Array.isArray(list) && list.every((each) => typeof each === 'string')) return list;
    throw broken('holds no list of parameters');
  }
  function recordOf(name: string, content: ParameterContent): SecretRecord | SecretError {
    const { Value, Version, LastModifiedDate } = content;
    if (typeof Value !== 'string') return broken(`for ${name} has no value`, name);
    return {
      value: Value,
      ...(Version !== undefined && { version: String(Version) }),
      ...(LastModifiedDate && { createdAt: LastModifiedDate.getTime() }),
    };
  }

  async function readOne(name: string, context: CallContext, version?: string) {
    const Name = path + name + (version === undefined ? '' : `:${version}`);
    const reply = await calls.call(
      context,
      ({ GetParameterCommand }) => new GetParameterCommand({ Name, WithDecryption: true }),
    );
    if (reply.exception === 'not-found') return undefined;
    if (reply.exception) throw reply.error;
    return recordOf(name, reply.output.Parameter ?? {});
  }

  const readNames = nameReader<CallContext>({
    one: readOne,
    // the most that one request takes (API reference, GetParameters)
    most: 10,
    async several(asked, context) {
      const reply = await calls.call(
        context,
        ({ GetParametersCommand }) =>
          new GetParametersCommand({
            Names: asked.map((name) => path + name),
            WithDecryption: true,
          }),
      );
      if (reply.exception) throw reply.error;
      const { Parameters = [], InvalidParameters = [] } = reply.output;
      const names = namesOf(Parameters);
      const answers = new Map<string, SecretRecord | SecretError | undefined>();
      for (const full of textsOf(InvalidParameters))
        answers.set(full.slice(path.length), undefined);
      for (const [at, content] of Parameters.entries()) {
        const name = names[at]?.slice(path.length) ?? '';
        answers.set(name, recordOf(name, content));
      }
      return answers;
    },
  });

  /** The names below the path, with the version of each. */
  async function listParameters(context: CallContext): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    const pageAt = async (NextToken: string | undefined): Promise<Page> => {
      const reply = await calls.call(
        context,
        ({ GetParametersByPathCommand }) =>
          new GetParametersByPathCommand({
            // AWS takes the path of a level without the slash at its end
            Path: path === '/' ? path : path.slice(0, -1),
            Recursive: true,
            WithDecryption: false,
            MaxResults: 10,
            ...(NextToken && { NextToken }),
          }),
      );
      if (reply.exception) throw reply.error;
      const { Parameters, NextToken: next } = reply.output;
      const ids = namesOf(Parameters);
      for (const [at, name] of ids.entries())
        if (name.startsWith(path))
          found.set(name.slice(path.length), String(Parameters?.[at]?.Version));
      return { ids, next };
    };
    await eachPage(pageAt, { what: 'the list of parameters', provider, hint: wrongEndpoint });
    return found;
  }

  return {
    name: provider,
    store: `${path}*${region === undefined ? '' : ` in ${region}`}`,
    place: { kind, ...(region !== undefined && { address: region }), paths: [path] },
    atomicity: 'name',
    conditionalWrites: 'never',
    get credentialVariables() {
      return client === undefined ? accessKeyVariables() : none;
    },
    async read(names, readContext) {
      const { context, stamped } = stampedContext(readContext);
      const wanted = names === 'all' ? [...(await listParameters(context)).keys()] : names;
      // a name that no parameter can have does not exist, and is not asked for
      const possible = wanted.filter((name) => isPossibleParameter(path, name));
      const entries = await readNames(possible, context);
      return { entries, complete: names === 'all', ...stamped() };
    },
    list: async (context) => [...(await listParameters(context)).keys()],
    write: nameWriter({
      provider,
      assertWritable: (name, value) => assertWritable(settings, name, value),
      one: (name, value, context) => writeParameter(settings, name, value, context),
    }),
    async history(name, context) {
      if (!isPossibleParameter(path, name)) return [];
      const versions: SecretVersion[] = [];
      const pageAt = async (NextToken: string | undefined): Promise<Page> => {
        const reply = await calls.call(
          context,
          ({ GetParameterHistoryCommand }) =>
            new GetParameterHistoryCommand({ Name: path + name, ...(NextToken && { NextToken }) }),
        );
        if (reply.exception === 'not-found') return { ids: [], next: undefined };
        if (reply.exception) throw reply.error;
        const { Parameters = [], NextToken: next } = reply.output;
        namesOf(Parameters);
        for (const { Version, LastModifiedDate } of Parameters)
          versions.push({
            version: String(Version),
            ...(LastModifiedDate && { createdAt: LastModifiedDate.getTime() }),
            state: 'previous',
            held: true,
          });
        return { ids: Parameters.map(({ Version }) => String(Version)), next };
      };
      await eachPage(pageAt, { what: `the history of ${name}`, provider, hint: wrongEndpoint });
      versions.sort((one, other) => Number(other.version) - Number(one.version));
      return versions.map((each, at) => (at === 0 ? { ...each, state: 'current' } : each));
    },
    async readVersion(name, version, context) {
      if (!isPossibleParameter(path, name) || !/^\d+$/.test(version)) return undefined;
      const entry = await readOne(name, context, version);
      if (isSecretError(entry)) throw entry;
      return entry;
    },
    check: (context) =>
      checked('parameters', async () => {
        const { size } = await listParameters(context);
        const message = `${size} parameters are below ${path}`;
        if (size > 0) return { state: 'ready', message };
        const hint = 'Check the option path and the region.';
        return { state: 'failing', message, hint, code: 'no-secrets' };
      }),
    watch: (onChange, signal) =>
      pollForChanges(
        async (context) => JSON.stringify([...(await listParameters(context))].sort()),
        onChange,
        signal,
        { provider, interval: pollInterval },
      ),
    async close() {
      calls.close();
    },
  };
}

const none: ReadonlySet<string> = new Set();

function configError(
  provider: string,
  option: keyof AwsParameterStoreProviderOptions,
  what: string,
  hint: string,
): SecretError {
  const details = { provider, setting: { option }, hint };
  return new SecretError('ERR_SECRET_CONFIG', `the option ${option} ${what}`, details);
}

function checkOptions(
  { path, region, keyId, client }: AwsParameterStoreProviderOptions,
  provider: string,
): void {
  // with such a path no parameter could exist, and every name would seem to be missing
  if (path !== undefined && path !== '/' && !/^(?:\/[A-Za-z0-9_.-]+){1,14}\/?$/.test(path))
    throw configError(
      provider,
      'path',
      'is not a path of parameters',
      "Begin it with / and use ASCII letters, digits and _.- only: '/shop/prod'.",
    );
  if (keyId === '')
    throw configError(provider, 'keyId', 'is empty', 'Name a KMS key, or leave it out.');
  if (client !== undefined && typeof client?.send !== 'function')
    throw configError(
      provider,
      'client',
      'is not a client of the AWS SDK',
      'Use an SSMClient of @aws-sdk/client-ssm, or leave it out.',
    );
  if (client !== undefined && region !== undefined)
    throw configError(
      provider,
      'region',
      'cannot be combined with the option client, which has a region of its own',
      'Set the region of the client.',
    );
}
