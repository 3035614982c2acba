import starlight from '@astrojs/starlight';
import { defineConfig } from 'astro/config';
import { markdownForSite } from './markdown-for-site.mjs';
import { base, origin, repositoryAddress } from './places.mjs';
import { sidebar } from './sidebar.mjs';

export default defineConfig({
  site: origin,
  base,
  trailingSlash: 'always',
  // -- is two dashes of an option
  markdown: { remarkPlugins: [markdownForSite], smartypants: false },
  // nothing of a page is measured or sent
  telemetry: false,
  integrations: [
    starlight({
      title: 'Keyfall',
      description: 'Secrets for Node programs, and through a command line for any program.',
      social: [{ icon: 'github', label: 'GitHub', href: repositoryAddress }],
      sidebar: sidebar(),
      customCss: ['./src/site.css'],
      markdown: { processedDirs: ['./pages'] },
      credits: false,
      pagination: false,
      lastUpdated: false,
    }),
  ],
});
