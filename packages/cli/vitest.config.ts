import { replacingFiles, testsWith } from '../../vitest.shared.ts';

// the end-to-end tests are a project of their own: vitest.e2e.config.ts
export default testsWith({ exclude: [...replacingFiles, 'test/**/*.e2e.test.ts'] });
