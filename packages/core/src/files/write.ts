/**
 * `@keyfall/core/provider/files/write`: what writing a file needs, apart from `@keyfall/core/provider/files`, so that a
 * program that only reads its secrets loads none of it.
 */
export { type EditFileOptions, editFile } from './edit-file.ts';
export { unlessInUse } from './in-use.ts';
export { lockFile } from './lock-file.ts';
export {
  assertReplaceable,
  realPathOf,
  replaceFile,
  syncFolder,
  writeProblem,
} from './replace-file.ts';
