/**
 * AWS Secrets Manager as a provider, in the two ways in which teams use it: one secret whose JSON holds
 * many names, or one secret a name.
 */
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { accessKeyVariables } from '@keyfall/aws';
import {
  assertOptions,
  type Duration,
  type OptionKinds,
  SecretError,
  type SecretProvider,
  toMilliseconds,
  unconfiguredProvider,
} from '@keyfall/core/provider';
import { secretsManagerCalls } from './api/secrets-manager-service.ts';
import { currentStage, type StoreSettings } from './api/store-settings.ts';
import { jsonSecretProvider } from './json-secret/json-secret-provider.ts';
import { namedSecretsProvider } from './named-secrets/named-secrets-provider.ts';

/** Options of {@link awsSecretsManagerProvider}: either `secretId` or `prefix`, and optionally the others. */
export interface AwsSecretsManagerProviderOptions {
  /** The name or ARN of one secret whose text is a JSON object: its members are the names. */
  readonly secretId?: string | undefined;
  /**
   * One secret a name: `TOKEN` is the secret `<prefix>TOKEN`. With `''`, every secret that the caller may
   * list.
   */
  readonly prefix?: string | undefined;
  /** Default: the region in the ARN, else what the AWS SDK finds (`AWS_REGION`, the profile). */
  readonly region?: string | undefined;
  /** Which version is read: a staging label. Default `AWSCURRENT`; any other makes it read-only. */
  readonly versionStage?: string | undefined;
  /** What joins the names of a nested JSON object: `database.password`. Default `.`. */
  readonly separator?: string | undefined;
  /** How often `watch` looks for a new version. Default `'1m'`, at least a second. */
  readonly pollInterval?: Duration | undefined;
  /**
   * A client of the AWS SDK, with the credentials, region, retries and endpoint that the application has set. It
   * excludes the option `region`, and the provider does not close it. Default: a client that takes everything from
   * the environment.
   */
  readonly client?: SecretsManagerClient | undefined;
  /** Unique in the chain. Default `aws-secrets-manager`. */
  readonly name?: string | undefined;
}

type Option = keyof AwsSecretsManagerProviderOptions;

const optionKinds: OptionKinds<AwsSecretsManagerProviderOptions> = {
  secretId: 'text',
  prefix: 'text',
  region: 'text',
  versionStage: 'text',
  separator: 'text',
  pollInterval: 'anything',
  client: 'anything',
  name: 'text',
};

/**
 * Secrets of AWS Secrets Manager. With `secretId` one request answers every name, and a write is
 * conditional: it takes effect only if the secret was not written in between. With `prefix` each name is a
 * secret of its own; they are read in batches of 20 where the policy allows it, and written one by one.
 *
 * Text is kept as it is. A JSON number becomes its digits, `true` and `false` these words, a list its JSON text, and
 * binary content base64. A secret that is scheduled for deletion counts as absent.
 *
 * Making the provider does no I/O: the first call loads the SDK.
 *
 * @throws `ERR_SECRET_CONFIG` naming the option: a wrong one, or both of `secretId` and `prefix`. Neither of them is that
 *   at the first call
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
  assertOptions(given, 'awsSecretsManagerProvider', optionKinds);
  const { secretId, prefix, name = 'aws-secrets-manager', versionStage = currentStage } = given;
  const configError = (option: Option, what: string, hint: string) =>
    new SecretError('ERR_SECRET_CONFIG', `the option ${option} ${what}`, {
      provider: name,
      setting: { option },
      hint,
    });
  if (secretId !== undefined && prefix !== undefined)
    throw configError('prefix', 'cannot be combined with the option secretId', eitherOr);
  if (secretId === '') throw configError('secretId', 'is empty', 'Name a secret.');
  if (versionStage === '')
    throw configError('versionStage', 'is empty', 'Name a staging label, or leave it out.');
  // with such a prefix no secret could exist, and every name would seem to be missing
  if (!/^[A-Za-z0-9/_+=.@-]{0,511}$/.test(prefix ?? ''))
    throw configError(
      'prefix',
      'is too long, or has a character that no name of a secret can have',
      'Use ASCII letters, digits and /_+=.@- only. An ARN belongs in the option secretId.',
    );
  const { client } = given;
  if (client !== undefined && typeof client?.send !== 'function')
    throw configError(
      'client',
      'is not a client of the AWS SDK',
      'Use a SecretsManagerClient of @aws-sdk/client-secrets-manager, or leave it out.',
    );
  if (client !== undefined && given.region !== undefined)
    throw configError(
      'region',
      'cannot be combined with the option client, which has a region of its own',
      'Set the region of the client.',
    );
  const arn = /^arn:[^:]+:secretsmanager:([^:]+):/.exec(secretId ?? '');
  if (arn && given.region !== undefined && given.region !== arn[1])
    throw configError(
      'region',
      `is ${given.region}, but the ARN in secretId is in ${arn[1]}`,
      'Leave the region out, or use the ARN of the replica in that region.',
    );
  const pollInterval = toMilliseconds(given.pollInterval ?? '1m', 'pollInterval');
  if (pollInterval < 1_000)
    throw configError(
      'pollInterval',
      'is less than a second',
      'Use at least a second: AWS limits the rate of requests.',
    );

  if (secretId === undefined && prefix === undefined) {
    const setting = { option: 'secretId', isMissing: true };
    const error = new SecretError(
      'ERR_SECRET_CONFIG',
      'exactly one of the options secretId and prefix must be given, and there is none',
      { provider: name, setting, hint: eitherOr },
    );
    return unconfiguredProvider('aws-secrets-manager', error, { write: true });
  }

  const region = given.region ?? arn?.[1];
  const what = secretId ?? `${prefix}*`;
  const settings: StoreSettings = {
    name,
    store: `${what}${region === undefined || arn ? '' : ` in ${region}`}`,
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
      ? namedSecretsProvider(calls, prefix ?? '', settings)
      : jsonSecretProvider(calls, secretId, settings);
  return {
    ...provider,
    get credentialVariables() {
      return client === undefined ? accessKeyVariables() : none;
    },
  };
}

const none: ReadonlySet<string> = new Set();

const eitherOr =
  "Use secretId: 'shop/prod' for one JSON secret, or prefix: 'shop/prod/' for one secret a name.";
