export { type AwsCredentials, type AwsIamAuthOptions, awsIamAuth } from './aws-iam-auth.ts';
