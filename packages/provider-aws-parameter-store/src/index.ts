export type { AwsParameterStoreProviderOptions } from './aws-parameter-store-provider.ts';
export { awsParameterStoreProvider } from './aws-parameter-store-provider.ts';
