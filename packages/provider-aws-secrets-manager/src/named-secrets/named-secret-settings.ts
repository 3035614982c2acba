/**
 * What reading, listing and writing of one secret a name have in common.
 */
import type { SecretsManagerCalls } from '../api/secrets-manager-service.ts';

/** Which secrets, and how they are read. */
export interface NamedSecretSettings {
  readonly calls: SecretsManagerCalls;
  readonly provider: string;
  /** The secret of `NAME` is `<prefix>NAME`. */
  readonly prefix: string;
  readonly versionStage: string;
}

/** Whether a secret may have this name, prefix included (API reference, CreateSecret). */
export function isPossibleName(fullName: string): boolean {
  return /^[A-Za-z0-9/_+=.@-]{1,512}$/.test(fullName);
}
