import type { Secrets, SecretsOptions } from './secrets.ts';

export function createSecrets(_options: SecretsOptions): Secrets {
  throw new Error('being written');
}
