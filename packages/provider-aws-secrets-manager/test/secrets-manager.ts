/**
 * Secrets Manager on the moto that the tests of the AWS providers share.
 */
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { type Aws, startAws } from '../../../test/aws.ts';

/** A moto of its own. */
export function startSecretsManager(): Promise<Aws<SecretsManagerClient>> {
  return startAws({
    target: 'secretsmanager.',
    makeClient: (options) => new SecretsManagerClient(options),
  });
}

/** Least rights of each way of using the provider, as its documentation states them. */
export const rights = {
  bagRead: ['secretsmanager:GetSecretValue'],
  bagWrite: [
    'secretsmanager:GetSecretValue',
    'secretsmanager:PutSecretValue',
    'secretsmanager:UpdateSecretVersionStage',
    'secretsmanager:CreateSecret',
  ],
  bagHistory: ['secretsmanager:ListSecretVersionIds'],
  describe: ['secretsmanager:DescribeSecret'],
  namedRead: [
    'secretsmanager:GetSecretValue',
    'secretsmanager:BatchGetSecretValue',
    'secretsmanager:ListSecrets',
  ],
  namedWrite: [
    'secretsmanager:PutSecretValue',
    'secretsmanager:CreateSecret',
    'secretsmanager:DeleteSecret',
    'secretsmanager:RestoreSecret',
  ],
};
