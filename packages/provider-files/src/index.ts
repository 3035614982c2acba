export type { FilesProviderOptions } from './files-provider.ts';
export { filesProvider } from './files-provider.ts';
