import starlight from '@astrojs/starlight';
import { defineConfig } from 'astro/config';
import { htmlForSite, markdownForSite } from './markdown-for-site.mjs';
import { base, origin, repositoryAddress } from './places.mjs';
import { sidebar } from './sidebar.mjs';

/** A table that is wider than the page is scrolled: it gets the focus then, and no other table does. */
const scrolledTables = `
const observer = new ResizeObserver((entries) => {
  for (const { target } of entries)
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute('tabindex');
});
for (const table of document.querySelectorAll('.sl-markdown-content table')) observer.observe(table);
`;

export default defineConfig({
  site: origin,
  base,
  trailingSlash: 'always',
  // -- is two dashes of an option
  markdown: {
    remarkPlugins: [markdownForSite],
    rehypePlugins: [htmlForSite],
    smartypants: false,
  },
  // nothing of a page is measured or sent
  telemetry: false,
  integrations: [
    starlight({
      title: 'Keyfall',
      description: 'Secrets for Node programs, and through a command line for any program.',
      social: [{ icon: 'github', label: 'GitHub', href: repositoryAddress }],
      sidebar: sidebar(),
      customCss: ['./src/site.css'],
      head: [{ tag: 'script', attrs: { type: 'module' }, content: scrolledTables }],
      markdown: { processedDirs: ['./pages'] },
      credits: false,
      pagination: false,
      lastUpdated: false,
    }),
  ],
});
