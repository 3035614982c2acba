/**
 * The application's own part: one chain of every store. Who comes first wins; who cannot be asked is
 * passed, and that is told.
 */
import { createSecrets, type Secrets } from '@keyfall/core';
import { awsParameterStoreProvider } from '@keyfall/provider-aws-parameter-store';
import { awsSecretsManagerProvider } from '@keyfall/provider-aws-secrets-manager';
import { dopplerFallbackProvider, dopplerProvider } from '@keyfall/provider-doppler';
import { dotenvProvider } from '@keyfall/provider-dotenv';
import { execProvider } from '@keyfall/provider-exec';
import { filesProvider } from '@keyfall/provider-files';
import { gcpSecretManagerProvider } from '@keyfall/provider-gcp-secret-manager';
import { keychainProvider } from '@keyfall/provider-keychain';
import { kubernetesProvider } from '@keyfall/provider-kubernetes';
import { sopsProvider } from '@keyfall/provider-sops';
import { vaultProvider } from '@keyfall/provider-vault';
import type { Stores } from './stores.ts';

export function chainOf(stores: Stores): Secrets {
  const { vault, sops, files, aws, ssm, gcp, doppler, exec, keychain, kubernetes, dotenv } = stores;
  return createSecrets({
    providers: [
      vaultProvider({ ...vault, path: 'shop' }),
      sopsProvider(sops),
      filesProvider(files),
      awsSecretsManagerProvider(aws),
      awsParameterStoreProvider(ssm),
      gcpSecretManagerProvider(gcp),
      dopplerProvider(doppler),
      dopplerFallbackProvider({ path: doppler.fallbackFile, token: doppler.token }),
      execProvider(exec),
      ...(keychain ? [keychainProvider(keychain)] : []),
      ...(kubernetes ? [kubernetesProvider(kubernetes)] : []),
      dotenvProvider(dotenv),
    ],
    // a list asks them one after the other, and each loads at its first call
    budget: '30s',
  });
}
