/**
 * `@keyfall/core/provider/files`: what providers over files need to read and to watch them. It is not part of the
 * main entry, so that a program without secrets in files loads none of it.
 */
export { homeFolder } from './home-folder.ts';
export { isInside } from './is-inside.ts';
export { foldersOfWindowsPath, programFile } from './program-file.ts';
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
