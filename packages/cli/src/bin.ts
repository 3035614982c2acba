#!/usr/bin/env node
/**
 * The `keyfall` executable.
 */
import { main } from './main.ts';

process.exitCode = await main(process.argv);
