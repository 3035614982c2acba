import { defineConfig, mergeConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

// the end-to-end tests start the built program, so it must be that of these sources
export default mergeConfig(shared, defineConfig({ test: { globalSetup: ['test/build.ts'] } }));
