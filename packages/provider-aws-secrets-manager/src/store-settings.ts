/**
 * What both ways of keeping secrets there need to know.
 */
import type { StorePlace } from '@keyfall/core/provider';

/** The staging label of the version in force (Secrets Manager User Guide, "Secret versions"). */
export const currentStage = 'AWSCURRENT';

/** What the parts of the package go by. */
export interface StoreSettings {
  readonly name: string;
  /** The region for messages, where it is known without asking the SDK. */
  readonly store: string;
  readonly place: StorePlace;
  readonly versionStage: string;
  readonly separator: string;
  /** Milliseconds. */
  readonly pollInterval: number;
}
