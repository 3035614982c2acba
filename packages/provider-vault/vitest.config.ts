import { mergeConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

// files share their process and modules, since loading those anew for each is half of the time; drills
// and what takes a process of its own do not
const isolate = process.env['KEYFALL_SUITE'] !== undefined;

export default mergeConfig(shared, { test: { isolate } });
