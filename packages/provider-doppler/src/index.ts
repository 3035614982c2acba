export type { DopplerFallbackProviderOptions } from './doppler-fallback-provider.ts';
export { dopplerFallbackProvider } from './doppler-fallback-provider.ts';
export type { DopplerProviderOptions } from './doppler-provider.ts';
export { dopplerProvider } from './doppler-provider.ts';
