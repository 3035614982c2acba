export { accessKeyVariables } from './access-key-variables.ts';
export {
  type AwsCallSettings,
  type AwsCalls,
  type AwsClient,
  type AwsCommand,
  type AwsReply,
  awsCalls,
  type CallContext,
  stampedContext,
} from './aws-calls.ts';
export {
  type AwsException,
  type AwsService,
  classifyAwsError,
  type ErrorSubject,
  type ServiceException,
} from './aws-errors.ts';
