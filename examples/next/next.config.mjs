import { fileURLToPath } from 'node:url';

/** @type {import('next').NextConfig} */
export default {
  // of this repository: a project of its own needs no settings
  turbopack: { root: fileURLToPath(new URL('../..', import.meta.url)) },
};
