export type { DotenvProviderOptions } from './dotenv-provider.ts';
export { dotenvProvider } from './dotenv-provider.ts';
