export type { DotenvProviderOptions } from './dotenv-provider.ts';
export { dotenvProvider } from './dotenv-provider.ts';
export { editDotenv } from './edit-dotenv.ts';
export type { EditDotenvFileOptions } from './edit-dotenv-file.ts';
export { editDotenvFile } from './edit-dotenv-file.ts';
export type { DotenvInspection } from './inspect-dotenv.ts';
export { inspectDotenv } from './inspect-dotenv.ts';
