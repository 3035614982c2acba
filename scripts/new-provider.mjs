// Makes packages/provider-<id> from templates/provider: `pnpm new-provider <id>`. What it makes passes
// every check as it is, for which the examples in its README need a line in docs/package.json;
// scripts/check-template.mjs holds it to that.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
// what makes the new files look as everybody's do
const biome = join(root, 'node_modules/@biomejs/biome/bin/biome');
const usage = 'usage: pnpm new-provider <id>, such as "consul" or "azure-key-vault"';

/** Why no package can be made under this id, or `undefined`. */
function complaintAbout(id) {
  if (id === undefined) return usage;
  if (id.startsWith('provider-')) return `leave out "provider-": pnpm new-provider ${id.slice(9)}`;
  if (id.length > 40 || !/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(id))
    return `${JSON.stringify(id)} is no id: lower-case letters, digits and single hyphens, from a letter on, up to 40\n${usage}`;
  if (existsSync(join(root, 'packages', `provider-${id}`)))
    return `packages/provider-${id} exists already`;
  if (!existsSync(biome)) return 'the workspace is not installed yet: npm run setup';
  return undefined;
}

async function make(id) {
  const camel = id.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
  const pascal = camel.charAt(0).toUpperCase() + camel.slice(1);
  const fill = (text) =>
    text
      .replaceAll('__id__', id)
      .replaceAll('__camel__', camel)
      .replaceAll('__Pascal__', pascal)
      .replaceAll('__UPPER__', id.toUpperCase().replaceAll('-', '_'));
  const template = join(root, 'templates/provider');
  const folder = join(root, 'packages', `provider-${id}`);
  const files = readdirSync(template, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(template.length + 1));
  for (const file of files) {
    const target = join(folder, fill(file));
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, fill(readFileSync(join(template, file), 'utf8')), { flag: 'wx' });
  }
  await addToDocs(`@keyfall/provider-${id}`);
  // lines break and imports sort by how long and what the names are
  execFileSync(process.execPath, [biome, 'check', '--write', '--log-level=error', folder], {
    cwd: root,
    stdio: 'inherit',
  });
  return files.length;
}

/** The tests of the documents compile the examples of every README, in the name of docs. */
async function addToDocs(name) {
  const path = join(root, 'docs/package.json');
  const manifest = JSON.parse(readFileSync(path, 'utf8'));
  const dependencies = { ...manifest.devDependencies, [name]: 'workspace:^' };
  const sorted = Object.entries(dependencies).sort(([a], [b]) => (a < b ? -1 : 1));
  manifest.devDependencies = Object.fromEntries(sorted);
  await writeFile(path, `${JSON.stringify(manifest, null, 2)}\n`);
}

const [id, ...rest] = process.argv.slice(2);
const complaint = rest.length > 0 ? usage : complaintAbout(id);
if (complaint !== undefined) {
  console.error(complaint);
  process.exitCode = 2;
} else {
  const count = await make(id);
  console.log(`packages/provider-${id}: ${count} files. Next:
  npx -y pnpm@12.21.0 install
  npx vitest run --project @keyfall/provider-${id}
  npx tsc -p packages/provider-${id}/test
Then put your store in the place of the HTTP endpoint: test/store.ts first, then src/${id}-provider.ts.
docs/writing-a-provider.md leads through it. At the end: npm run build && npm run api`);
}
