import { mergeConfig } from 'vitest/config';
import { testsWith } from '../../vitest.shared.ts';

// what runs the command line in processes replaces no module, so the files share theirs, and a server
export default mergeConfig(testsWith({ include: ['test/**/*.e2e.test.ts'] }), {
  test: { name: 'keyfall-e2e' },
});
