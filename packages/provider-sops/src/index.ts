export type { DecryptSopsFileOptions } from './decrypt-sops-file.ts';
export { decryptSopsFile } from './decrypt-sops-file.ts';
export type { EncryptSopsFileOptions } from './encrypt-sops-file.ts';
export { encryptSopsFile } from './encrypt-sops-file.ts';
export type { SopsValue } from './names.ts';
export type { FoundFile } from './snapshot-mark.ts';
export type { SopsProviderOptions } from './sops-provider.ts';
export { sopsProvider } from './sops-provider.ts';
