/**
 * AWS Secrets Manager as a provider, in the two ways in which teams use it: one secret whose JSON holds
 * many names, or one secret a name.
 */
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { type Duration, SecretError } from '@keyfall/core';
import { assertOptions, type SecretProvider, toMilliseconds } from '@keyfall/core/provider';
import { jsonBag } from './json-bag.ts';
import { namedSecrets } from './named-secrets.ts';
import { secretsManagerCalls } from './secrets-manager-calls.ts';
import { currentStage, type StoreSettings } from './store-settings.ts';

/** Options of {@link awsSecretsManagerProvider}: `secretId` or `prefix`, and whatever else is needed. */
export interface AwsSecretsManagerProviderOptions {
  /** The name or ARN of one secret whose text is a JSON object: its members are the names. */
  readonly secretId?: string;
  /**
   * One secret a name: `TOKEN` is the secret `<prefix>TOKEN`. `''` takes every secret that the
   * caller may list.
   */
  readonly prefix?: string;
  /** Default: the region in the ARN, else what the AWS SDK finds (`AWS_REGION`, the profile). */
  readonly region?: string;
  /** Which version is read: a staging label. Default `AWSCURRENT`; any other makes it read-only. */
  readonly versionStage?: string;
  /** Between the names of a nested JSON object: `database.password`. Default `.`. */
  readonly separator?: string;
  /** How often `watch` looks for a new version. Default `'1m'`, at least a second. */
  readonly pollInterval?: Duration;
  /**
   * A client of the AWS SDK, with credentials, region, retries and endpoint as the application set
   * them; then without the option `region`. It is not closed by the provider. Default: one that takes everything from its environment.
   */
  readonly client?: SecretsManagerClient;
  /** Unique in the chain. Default `aws-secrets-manager`. */
  readonly name?: string;
}

const textOptions = [
  'secretId',
  'prefix',
  'region',
  'versionStage',
  'separator',
  'name',
] as const satisfies readonly (keyof AwsSecretsManagerProviderOptions)[];

/**
 * Secrets of AWS Secrets Manager. With `secretId` one request answers every name, and a write is
 * conditional: it takes effect only if nobody wrote in between. With `prefix` each name is a secret of
 * its own, read in batches of 20 where the policy allows, and each write stands by itself.
 *
 * Text is itself; a JSON number has its digits, `true` and `false` are so, a list is its JSON text, and
 * binary content is its base64. A secret that is scheduled for deletion is not there.
 *
 * Making the provider does no I/O: the SDK is loaded at the first call.
 *
 * @throws `ERR_SECRET_CONFIG` naming the option, unless there is either `secretId` or `prefix`
 * @example
 * ```ts
 * import { createSecrets } from '@keyfall/core';
 * import { awsSecretsManagerProvider } from '@keyfall/provider-aws-secrets-manager';
 *
 * const secrets = createSecrets({
 *   providers: [awsSecretsManagerProvider({ secretId: 'shop/prod', region: 'eu-central-1' })],
 * });
 * const token = await secrets.get('TOKEN');
 * ```
 */
export function awsSecretsManagerProvider(given: AwsSecretsManagerProviderOptions): SecretProvider {
  assertOptions(given, 'awsSecretsManagerProvider');
  const { secretId, prefix, name = 'aws-secrets-manager', versionStage = currentStage } = given;
  const wrong = (what: string, hint: string) =>
    new SecretError('ERR_SECRET_CONFIG', what, { provider: String(name), hint });
  for (const option of textOptions)
    if (given[option] !== undefined && typeof given[option] !== 'string')
      throw wrong(`the option ${option} is no text`, 'Give it as text, or leave it out.');
  if ((secretId === undefined) === (prefix === undefined))
    throw wrong(
      'exactly one of the options secretId and prefix must be given',
      "Give secretId: 'shop/prod' for one JSON secret, or prefix: 'shop/prod/' for one secret a name.",
    );
  if (secretId === '' || versionStage === '')
    throw wrong(
      `the option ${secretId === '' ? 'secretId' : 'versionStage'} is empty`,
      'Leave it out, or name one.',
    );
  // else every name would be one that no secret can have, and so be missing
  if (!/^[A-Za-z0-9/_+=.@-]{0,511}$/.test(prefix ?? ''))
    throw wrong(
      'the option prefix has a character that no name of a secret has, or is too long',
      'Use ASCII letters, digits and /_+=.@- alone; an ARN is for the option secretId.',
    );
  const { client } = given;
  if (client !== undefined && typeof client?.send !== 'function')
    throw wrong(
      'the option client is no client of the AWS SDK',
      'Give a SecretsManagerClient of @aws-sdk/client-secrets-manager, or leave it out.',
    );
  if (client !== undefined && given.region !== undefined)
    throw wrong(
      'the options client and region are both given, and a client has its own region',
      'Give the region to the client.',
    );
  const arn = /^arn:[^:]+:secretsmanager:([^:]+):/.exec(secretId ?? '');
  if (arn && given.region !== undefined && given.region !== arn[1])
    throw wrong(
      `the option region is ${given.region}, and the ARN in secretId is of ${arn[1]}`,
      'Leave the region out, or give the ARN of the replica in that region.',
    );
  const pollInterval = toMilliseconds(given.pollInterval ?? '1m', 'pollInterval');
  if (pollInterval < 1_000)
    throw wrong(
      'the option pollInterval is less than a second',
      'AWS limits the rate of requests.',
    );

  const region = given.region ?? arn?.[1];
  const what = secretId ?? `${prefix}*`;
  const settings: StoreSettings = {
    name,
    store: `aws-secrets-manager ${what}${region === undefined || arn ? '' : ` in ${region}`}`,
    place: {
      kind: 'aws-secrets-manager',
      ...(region !== undefined && { address: region }),
      paths: [what],
    },
    versionStage,
    separator: given.separator ?? '.',
    pollInterval,
  };
  const calls = secretsManagerCalls({
    provider: name,
    subject: secretId === undefined ? `the secrets ${what}` : `the secret ${what}`,
    region,
    client,
  });
  const provider =
    secretId === undefined
      ? namedSecrets(calls, prefix ?? '', settings)
      : jsonBag(calls, secretId, settings);
  return {
    ...provider,
    get credentialVariables() {
      return client === undefined && !process.env['AWS_PROFILE'] ? accessKey : none;
    },
  };
}

/**
 * What the SDK takes an access key from, unless a profile is named. Not the variables that only say where an
 * identity of the machine is to be had (`AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_CONTAINER_CREDENTIALS_*`): a program on the same
 * machine has that identity whatever its environment is.
 */
const accessKey: ReadonlySet<string> = new Set([
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
]);

const none: ReadonlySet<string> = new Set();
