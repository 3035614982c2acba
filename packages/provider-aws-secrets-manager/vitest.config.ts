import { testsWith } from '../../vitest.shared.ts';

export default testsWith({ replacesModules: true });
