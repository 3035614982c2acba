export type { SopsValue } from './formats/names.ts';
export type { DecryptSopsFileOptions } from './reading/decrypt-sops-file.ts';
export { decryptSopsFile } from './reading/decrypt-sops-file.ts';
export type { SopsProviderOptions } from './sops-provider.ts';
export { sopsProvider } from './sops-provider.ts';
export type { EncryptSopsFileOptions } from './writing/encrypt-sops-file.ts';
export { encryptSopsFile } from './writing/encrypt-sops-file.ts';
export type { FoundFile } from './writing/snapshot-mark.ts';
