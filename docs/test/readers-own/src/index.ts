/** What the `src/index.ts` of a reader's own package exports in the examples. */
import type { SecretProvider } from '@keyfall/core/provider';

/** The provider that a reader of the testkit's README has written. */
export declare function shelfProvider(options: {
  readonly address: string;
  readonly token: string;
}): SecretProvider;

/** The first provider of a reader of docs/writing-a-provider.md. */
export declare function drawerProvider(options: {
  readonly address: string;
  readonly token: string;
}): SecretProvider;
