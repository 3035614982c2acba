/** The application of a reader of docs/testing.md, as its tests see it. */
import type { Secrets } from '@keyfall/core';

export declare function paymentHeaders(secrets?: Secrets): Promise<{ authorization: string }>;
export declare function health(secrets?: Secrets): Promise<200 | 500 | 503>;
