export type {
  GcpCredentials,
  GcpSecretManagerProviderOptions,
} from './gcp-secret-manager-provider.ts';
export { gcpSecretManagerProvider } from './gcp-secret-manager-provider.ts';
