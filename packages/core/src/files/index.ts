/**
 * `@keyfall/core/provider/files`: what providers over files need. It is not part of the main
 * entry, so that a program without secrets in files loads none of it.
 */
export { type EditFileOptions, editFile } from './edit-file.ts';
export { lockFile } from './lock-file.ts';
export {
  assertReplaceable,
  realPathOf,
  replaceFile,
  syncFolder,
  writeProblem,
} from './replace-file.ts';
export {
  decodeText,
  errnoOf,
  problem,
  type ReadOptions,
  readBytes,
  readWhole,
  type StoreFile,
  unreadable,
  type WholeFile,
} from './store-file.ts';
export { identityOf, realPathNow, type Watched, watchFiles, watchState } from './watch-files.ts';
