/**
 * Parameter Store on the moto that the tests of the AWS providers share.
 */
import { SSMClient } from '@aws-sdk/client-ssm';
import { type Aws, startAws } from '../../../test/aws.ts';

/** A moto of its own. */
export function startParameterStore(): Promise<Aws<SSMClient>> {
  return startAws({ target: 'AmazonSSM.', makeClient: (options) => new SSMClient(options) });
}

/** Least rights of each way of using the provider, as its documentation states them. */
export const rights = {
  read: ['ssm:GetParameter', 'ssm:GetParameters'],
  list: ['ssm:GetParametersByPath'],
  write: ['ssm:PutParameter', 'ssm:DeleteParameter', 'ssm:DescribeParameters'],
  history: ['ssm:GetParameterHistory'],
};
