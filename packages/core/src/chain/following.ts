/**
 * What follows the answers of a chain, in one chunk that the first `watch` or `view` loads: most programs only ask.
 */
export { changesOf } from './changes.ts';
export { viewOf } from './view.ts';
export { Watching } from './watching.ts';
