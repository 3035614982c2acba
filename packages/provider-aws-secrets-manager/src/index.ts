export type { AwsSecretsManagerProviderOptions } from './aws-secrets-manager-provider.ts';
export { awsSecretsManagerProvider } from './aws-secrets-manager-provider.ts';
