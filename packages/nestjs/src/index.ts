export type { KeyfallModuleAsyncOptions, KeyfallModuleOptions } from './keyfall-module.ts';
export { KeyfallModule, SECRETS } from './keyfall-module.ts';
