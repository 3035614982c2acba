import { defineCollection } from 'astro:content';
import { docsSchema } from '@astrojs/starlight/schema';
import { glob } from 'astro/loaders';
import { pageAt } from '../places.mjs';

export const collections = {
  docs: defineCollection({
    loader: glob({ base: './pages', pattern: '**/*.md', generateId: ({ entry }) => pageAt(entry) }),
    schema: docsSchema(),
  }),
};
