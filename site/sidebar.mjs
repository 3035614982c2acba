// Where each page stands in the navigation. A page of docs/ that is not named here is under "More", so that none is lost;
// decisions are linked from where they matter.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pageAt, pagesFolder } from './places.mjs';

/** By group: pages, as their paths in docs/ without the ending. Those that are not written yet are left out. */
const groups = {
  Start: ['index', 'quick-start', 'local', 'VAULT_SETUP_GUIDE', 'faq', 'compare'],
  'In production': [
    'production',
    'docker',
    'kubernetes',
    'heroku',
    'github-actions',
    'systemd-credentials',
  ],
  'Command line': ['commands', 'run', 'configuration', 'snapshot', 'cli-reference'],
  Library: [
    'chain',
    'typed-loading',
    'redaction',
    'composition',
    'references',
    'testing',
    'observability',
  ],
  Recipes: [
    'python',
    'auto',
    'servers',
    'nestjs',
    'next',
    'vite',
    'lambda',
    'bundlers',
    'rotation',
  ],
  Stores: [
    'providers/README',
    'providers/vault',
    'providers/vault-auth',
    'providers/vault-environment',
    'providers/vault-dynamic',
    'providers/vault-ha',
    'providers/dotenv',
    'providers/sops',
    'providers/files',
    'providers/aws-secrets-manager',
    'providers/aws-parameter-store',
    'providers/gcp-secret-manager',
    'providers/keychain',
    'providers/kubernetes',
    'providers/doppler',
    'providers/exec',
  ],
  'Performance and security': ['performance', 'scaling', 'security-model'],
  'How it works': ['design', 'writing-a-provider', 'stability', 'support', 'glossary', 'README'],
};

/** The pages of a folder of pages/, as their paths without the ending. */
function pagesIn(folder) {
  return readdirSync(join(pagesFolder, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => join(folder, path).replace(/\.md$/, ''))
    .sort();
}

const asItem = (page) => pageAt(`${page}.md`);

/** The navigation, from the pages that there are. */
export function sidebar() {
  const all = pagesIn('').filter((page) => !/^(?:decisions|errors|api)\//.test(page));
  const named = Object.values(groups).flat();
  const more = all.filter((page) => !named.includes(page));
  const group = (label, items, collapsed = false) =>
    items.length === 0 ? [] : [{ label, collapsed, items }];
  return [
    ...Object.entries(groups).flatMap(([label, pages]) =>
      group(label, pages.filter((page) => existsSync(join(pagesFolder, `${page}.md`))).map(asItem)),
    ),
    ...group('More', more.map(asItem)),
    ...group('Errors', pagesIn('errors').map(asItem), true),
    ...group('API', pagesIn('api').map(asItem), true),
  ];
}
