// Puts every page of the site into pages/: those of docs/ as they are written, and those that are made from the code.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeApiPages } from './make-api-pages.mjs';
import { makeMessagesPage } from './make-messages-page.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const pages = fileURLToPath(new URL('pages', import.meta.url));

/**
 * A page of Markdown as the site has it: what is the first heading in the repository is the title here.
 * @param {string} place - where it is in pages/
 * @param {string} text
 */
function write(place, text) {
  const [, title, body] = /^# (.+)\n([\s\S]*)$/.exec(text) ?? [];
  if (title === undefined) throw new Error(`${place} does not begin with a heading.`);
  // what the title says in code is shown as text
  const plain = title.replaceAll('`', '').replaceAll('\\', '');
  const file = join(pages, place);
  mkdirSync(dirname(file), { recursive: true });
  // who searches wants to know how something is, and not how it was decided
  const isFound = !place.startsWith('decisions/');
  const head = `---\ntitle: ${JSON.stringify(plain)}\npagefind: ${isFound}\n---\n`;
  writeFileSync(file, head + withBothPictures(body));
}

/** On GitHub the system says whether the light or the dark picture is shown; here the reader may have chosen. */
function withBothPictures(text) {
  return text.replace(
    /<picture><source [^>]*srcset="([^"]+)"><img ([^>]*?)src="([^"]+)"><\/picture>/g,
    '<img class="light:sl-hidden" $2src="$1"><img class="dark:sl-hidden" $2src="$3">',
  );
}

/** Empties pages/, and makes every page anew. */
export async function makePages() {
  rmSync(pages, { recursive: true, force: true });
  const docs = join(root, 'docs');
  for (const path of readdirSync(docs, { recursive: true, encoding: 'utf8' }))
    if (path.endsWith('.md') && !/(?:^|\/)(?:node_modules|test)\//.test(path))
      write(path, readFileSync(join(docs, path), 'utf8'));
  write('index.md', readFileSync(join(root, 'site/home.md'), 'utf8'));
  write('errors/messages.md', makeMessagesPage(root));

  const api = join(root, 'node_modules/.cache/keyfall/site-api');
  rmSync(api, { recursive: true, force: true });
  await makeApiPages(root, api);
  for (const path of readdirSync(api, { recursive: true, encoding: 'utf8' }))
    if (path.endsWith('.md')) write(`api/${path}`, readFileSync(join(api, path), 'utf8'));

  // shown as they are, at the same place
  for (const folder of ['pictures', 'plots']) {
    const shown = fileURLToPath(new URL(`public/${folder}`, import.meta.url));
    rmSync(shown, { recursive: true, force: true });
    cpSync(join(docs, folder), shown, { recursive: true });
  }
}
