import { mergeConfig } from 'vitest/config';
import { replacingFiles, testsWith } from './vitest.shared.ts';

export default mergeConfig(testsWith({ isolate: true, include: replacingFiles, exclude: [] }), {
  test: { name: 'replacing' },
});
