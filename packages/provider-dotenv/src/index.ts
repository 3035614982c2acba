export type { DotenvProvider, DotenvProviderOptions } from './dotenv-provider.ts';
export { dotenvProvider } from './dotenv-provider.ts';
export { isDotenvReader } from './readers/read-dotenv.ts';
export type { DotenvReader } from './readers/reading.ts';
export { dotenvReaders } from './readers/reading.ts';
