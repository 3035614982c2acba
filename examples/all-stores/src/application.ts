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
import { sopsProvider } from '@keyfall/provider-sops';
import { vaultProvider } from '@keyfall/provider-vault';
import type { Stores } from './stores.ts';

export function chainOf({ vault, sops, files, aws, ssm, doppler, exec, dotenv }: Stores): Secrets {
  return createSecrets({
    providers: [
      vaultProvider({ ...vault, path: 'shop' }),
      sopsProvider(sops),
      filesProvider(files),
      awsSecretsManagerProvider(aws),
      awsParameterStoreProvider(ssm),
      dopplerProvider(doppler),
      dopplerFallbackProvider({ path: doppler.fallbackFile, token: doppler.token }),
      execProvider(exec),
      dotenvProvider(dotenv),
    ],
  });
}
