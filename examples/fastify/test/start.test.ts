import { fileURLToPath } from 'node:url';
import { webServerTests } from '../../../test/web-server-example.ts';

webServerTests(fileURLToPath(new URL('..', import.meta.url)));
