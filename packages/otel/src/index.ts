export type { InstrumentSecretsOptions } from './instrument-secrets.ts';
export { instrumentSecrets } from './instrument-secrets.ts';
