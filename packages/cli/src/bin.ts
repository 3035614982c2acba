#!/usr/bin/env node
import { boundNameLookUps } from './config/name-look-ups.ts';
import { main } from './main.ts';
import { guarded } from './terminal/guarded.ts';

/**
 * The `keyfall` executable.
 */

boundNameLookUps();
void guarded(() => main(process.argv)).then((exitCode) => {
  // Not by the exit code alone: a timer of a configuration or a read that hangs, which nothing can end, would
  // keep us here. What was to be written has been.
  process.exit(exitCode);
});
