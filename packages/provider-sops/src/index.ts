export type { SopsValue } from './formats/names.ts';
export type { AgeKeyPlace, OwnAgeKey } from './keys/make-age-key.ts';
export type { OwnAgeKeyOptions, OwnSecretAgeKeyOptions } from './keys/own-age-key.ts';
export { ownAgeKey, ownSecretAgeKey } from './keys/own-age-key.ts';
export type { DecryptSopsFileOptions } from './reading/decrypt-sops-file.ts';
export { decryptSopsFile } from './reading/decrypt-sops-file.ts';
export type { SopsCallOptions, SopsProvider, SopsProviderOptions } from './sops-provider.ts';
export { sopsProvider } from './sops-provider.ts';
export type { EncryptSopsFileOptions } from './writing/encrypt-sops-file.ts';
export { encryptSopsFile } from './writing/encrypt-sops-file.ts';
export type {
  SopsRecipient,
  SopsRecipients,
  SopsShared,
  SopsSharing,
} from './writing/share-sops.ts';
export type { FoundFile } from './writing/snapshot-mark.ts';
