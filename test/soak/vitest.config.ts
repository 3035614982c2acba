import { mergeConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

// its drill keeps servers and programs of its own busy: after the drills that race an election
export default mergeConfig(shared, { test: { sequence: { groupOrder: 1 }, maxConcurrency: 3 } });
