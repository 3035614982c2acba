/**
 * Parameter Store among the services of AWS: its client, and what its own exceptions mean
 * (https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html and the pages beside it).
 */
import type { SSMClient } from '@aws-sdk/client-ssm';
import { type AwsCalls, type AwsService, awsCalls } from '@keyfall/aws';

/** The hint for an answer that Parameter Store never gives. */
export const wrongEndpoint =
  'Check the endpoint: another service than Systems Manager may answer there.';

const parameterStore: AwsService = {
  name: 'Parameter Store',
  optionsHint: 'Check the options path and keyId, and whether the value is one that AWS allows.',
  endpointHint: wrongEndpoint,
  exceptions: [
    {
      names: ['ParameterNotFound', 'ParameterVersionNotFound'],
      exception: 'not-found',
      code: 'ERR_SECRET_NOT_FOUND',
      what: 'does not exist',
    },
    {
      names: ['ParameterAlreadyExists'],
      exception: 'exists',
      code: 'ERR_SECRET_CONFLICT',
      what: 'exists already',
    },
    {
      names: ['InvalidKeyId'],
      code: 'ERR_SECRET_DENIED',
      what: 'has a KMS key that does not exist, is disabled, or that this caller may not use',
      hint: 'Enable the key, or allow kms:Decrypt on it, and kms:GenerateDataKey for writing.',
    },
    {
      names: ['TooManyUpdates'],
      code: 'ERR_SECRET_UNAVAILABLE',
      what: 'cannot be written now: AWS takes one change at a time',
    },
    {
      names: ['ParameterLimitExceeded', 'ParameterMaxVersionLimitExceeded'],
      code: 'ERR_SECRET_UNSUPPORTED',
      what: 'would exceed a quota of Parameter Store',
      hint: 'Check the quotas of the AWS account, and whether a label holds an old version.',
    },
    {
      names: [
        'HierarchyLevelLimitExceededException',
        'HierarchyTypeMismatchException',
        'ParameterPatternMismatchException',
        'InvalidAllowedPatternException',
        'UnsupportedParameterType',
        'PoliciesLimitExceededException',
        'IncompatiblePolicyException',
      ],
      code: 'ERR_SECRET_UNSUPPORTED',
      what: 'cannot hold this value under the rules of the parameter',
      hint: 'Compare the value with the allowed pattern, the type and the policies of the parameter.',
    },
  ],
};

/** Parameter Store of one region, as one caller. */
export type ParameterStoreCalls = AwsCalls<typeof import('@aws-sdk/client-ssm')>;

/**
 * Its calls.
 *
 * @param settings - who calls, and where; see `AwsCallSettings`
 */
export function parameterStoreCalls(settings: {
  readonly provider: string;
  readonly subject: string;
  readonly region: string | undefined;
  readonly client: SSMClient | undefined;
}): ParameterStoreCalls {
  return awsCalls({
    ...settings,
    service: parameterStore,
    load: () => import('@aws-sdk/client-ssm'),
    makeClient: (sdk, options) => new sdk.SSMClient(options),
  });
}
