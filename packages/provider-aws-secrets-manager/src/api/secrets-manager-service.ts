/**
 * Secrets Manager among the services of AWS: its client, and what its own exceptions mean
 * (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html).
 */
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { type AwsCalls, type AwsService, awsCalls } from '@keyfall/aws';
import { SecretError } from '@keyfall/core/provider';

/** The hint for an answer that Secrets Manager never gives. */
export const wrongEndpoint =
  'Check the endpoint: another service than Secrets Manager may answer there.';

/** What is different about it. */
export const secretsManager: AwsService = {
  name: 'Secrets Manager',
  optionsHint: 'Check the options secretId, prefix and versionStage.',
  endpointHint: wrongEndpoint,
  exceptions: [
    {
      names: ['ResourceNotFoundException'],
      exception: 'not-found',
      code: 'ERR_SECRET_NOT_FOUND',
      what: 'does not exist',
    },
    {
      names: ['ResourceExistsException'],
      exception: 'exists',
      code: 'ERR_SECRET_CONFLICT',
      what: 'exists already',
    },
    {
      names: ['InvalidRequestException'],
      // the wordings of AWS and of moto; "cannot be deleted" means something else
      words: /(?:marked|scheduled) for deletion|marked deleted|was deleted/i,
      exception: 'deleted',
      code: 'ERR_SECRET_NOT_FOUND',
      what: 'is scheduled for deletion',
      hint: 'Restore it with `aws secretsmanager restore-secret`.',
    },
    {
      names: ['InvalidRequestException'],
      code: 'ERR_SECRET_UNSUPPORTED',
      what: 'cannot be changed in its present state',
      hint: 'Write a replica in its primary region, and a managed secret through the service that manages it.',
    },
    {
      names: ['LimitExceededException'],
      code: 'ERR_SECRET_UNSUPPORTED',
      what: 'would exceed a quota of Secrets Manager',
      hint: 'Check the quotas of the AWS account.',
    },
    {
      names: ['EncryptionFailure'],
      code: 'ERR_SECRET_DENIED',
      what: 'cannot be encrypted: its KMS key is disabled, or this caller may not use it',
      hint: "Allow kms:GenerateDataKey on the secret's key.",
    },
    {
      names: ['DecryptionFailure'],
      code: 'ERR_SECRET_DENIED',
      what: 'cannot be decrypted: its KMS key is disabled, or this caller may not use it',
      hint: "Allow kms:Decrypt on the secret's key, and kms:GenerateDataKey for writing.",
    },
  ],
};

/** Secrets Manager of one region, as one caller. */
export type SecretsManagerCalls = AwsCalls<typeof import('@aws-sdk/client-secrets-manager')>;

/**
 * Its calls.
 *
 * @param settings - who calls, and where; see `AwsCallSettings`
 */
export function secretsManagerCalls(settings: {
  readonly provider: string;
  readonly subject: string;
  readonly region: string | undefined;
  readonly client: SecretsManagerClient | undefined;
}): SecretsManagerCalls {
  return awsCalls({
    ...settings,
    service: secretsManager,
    load: () => import('@aws-sdk/client-secrets-manager'),
    makeClient: (sdk, options) => new sdk.SecretsManagerClient(options),
  });
}

/**
 * The version that a write has made.
 *
 * @throws `ERR_SECRET_INVALID` for an answer that AWS does not give to one
 */
export function writtenVersion(
  { VersionId }: { readonly VersionId?: string | undefined },
  provider: string,
): string {
  if (typeof VersionId === 'string') return VersionId;
  throw new SecretError('ERR_SECRET_INVALID', 'the answer has no version', {
    provider,
    hint: wrongEndpoint,
    applied: 'unknown',
  });
}
