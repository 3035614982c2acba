/**
 * What both kinds of provider need to know.
 */
import type { StorePlace } from '@keyfall/core/provider';

/** The staging label of the version in force (Secrets Manager User Guide, "Secret versions"). */
export const currentStage = 'AWSCURRENT';

/** Bytes in a secret's text at most (Secrets Manager User Guide, "Quotas"). */
export const sizeLimit = 65_536;

/** The options with their defaults filled in. */
export interface StoreSettings {
  readonly name: string;
  /** With the region, where it is known without asking the SDK. */
  readonly store: string;
  readonly place: StorePlace;
  readonly versionStage: string;
  readonly separator: string;
  /** Milliseconds. */
  readonly pollInterval: number;
}
