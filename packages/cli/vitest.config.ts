import { testsWith } from '../../vitest.shared.ts';

// the end-to-end tests are a project of their own: vitest.e2e.config.ts
export default testsWith({ replacesModules: true, exclude: ['test/**/*.e2e.test.ts'] });
