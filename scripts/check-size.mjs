// What @keyfall/core costs an application that bundles it: everything it exports, minified and gzipped,
// after a build. The limit is a promise of the README; whoever needs more has to say why there.
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';

/** Bytes. */
const limit = 12_000;

const input = fileURLToPath(new URL('../packages/core/dist/index.js', import.meta.url));
// a package that it would import must count, so only Node's own modules stay outside
const bundle = await rolldown({ input, platform: 'node', external: /^node:/ });
const { output } = await bundle.generate({ format: 'esm', minify: true });
await bundle.close();
const code = output.map((chunk) => (chunk.type === 'chunk' ? chunk.code : '')).join('');
const size = gzipSync(code, { level: 9 }).length;
console.log(`@keyfall/core: ${code.length} bytes minified, ${size} gzipped, of at most ${limit}`);
if (size > limit) process.exitCode = 1;
