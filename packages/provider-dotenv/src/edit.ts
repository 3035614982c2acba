/**
 * `@keyfall/provider-dotenv/edit`: a `.env` for tools, which read what is in its text and change it. A program that reads
 * its secrets does not load it.
 */
export type { DotenvInspection, InspectDotenvOptions } from './check/inspect-dotenv.ts';
export { inspectDotenv } from './check/inspect-dotenv.ts';
export type { EditDotenvOptions } from './editing/edit-dotenv.ts';
export { editDotenv } from './editing/edit-dotenv.ts';
export type { EditDotenvFileOptions } from './editing/edit-dotenv-file.ts';
export { editDotenvFile } from './editing/edit-dotenv-file.ts';
