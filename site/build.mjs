// Builds the site into dist/: `npm run site`.
import { fileURLToPath } from 'node:url';
import { checkLinks } from './check-links.mjs';
import { makePages } from './make-pages.mjs';

process.env.ASTRO_TELEMETRY_DISABLED = '1';
await makePages();
const { build } = await import('astro');
// with force: what it keeps of earlier pages may be of pages that are gone
await build({ root: fileURLToPath(new URL('.', import.meta.url)), logLevel: 'warn', force: true });
const dead = checkLinks(fileURLToPath(new URL('dist', import.meta.url)));
if (dead.length > 0) {
  console.error(
    `${dead.length} links lead nowhere:\n${dead
      .slice(0, 40)
      .map((each) => `  ${each}`)
      .join('\n')}`,
  );
  process.exitCode = 1;
}
