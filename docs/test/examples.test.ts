/**
 * Every TypeScript example compiles: those of the documents and the `@example` of each docstring, each
 * as a module of its own, in one run of the compiler.
 */
import { execFile } from 'node:child_process';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { codeBlocks, readDocuments, root } from './markdown.ts';

interface Example {
  /** `packages/core/src/chain/create-secrets.ts:20`. */
  readonly place: string;
  readonly text: string;
}

/** Inside this package, so that its modules are found; ignored by git. */
const folder = join(root, 'docs/.keyfall/examples');

test('every TypeScript example compiles', { timeout: 120_000 }, async () => {
  const examples = [...(await examplesOfDocuments()), ...(await examplesOfDocstrings())];
  await rm(dirname(folder), { recursive: true, force: true });
  // modules that an example takes to be the reader's own: ../src/index.ts and the like
  await cp(join(root, 'docs/test/readers-own'), dirname(folder), { recursive: true });
  const files = examples.map(({ place }) => `${place.replace(/[^\w]+/g, '-')}.ts`);
  // without an import or export it would be a script, which sees the names of the others
  for (const [index, { text }] of examples.entries())
    await writeFile(join(folder, files[index] ?? ''), `${text}\nexport {};\n`);
  const config = {
    extends: '../../test/tsconfig.json',
    compilerOptions: {
      noUnusedLocals: false,
      noUnusedParameters: false,
      rootDir: '../../..',
      // as applications of Nest have them
      experimentalDecorators: true,
      erasableSyntaxOnly: false,
    },
    files,
    include: [],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const tsc = createRequire(join(root, 'package.json')).resolve('typescript/package.json');
  const complaints = await promisify(execFile)(process.execPath, [
    join(dirname(tsc), 'bin/tsc'),
    '-p',
    folder,
  ]).then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout,
  );
  const places = complaints.replace(/^\S*?([\w-]+\.ts)(?=\()/gm, (_, file: string) => {
    return examples[files.indexOf(file)]?.place ?? file;
  });
  expect(places).toBe('');
});

test('every public factory has an example', async () => {
  const factories: string[] = [];
  for (const path of await sources())
    if (path.endsWith('src/index.ts'))
      for (const [, names = ''] of (await readFile(join(root, path), 'utf8')).matchAll(
        /^export \{([^}]+)\}/gm,
      ))
        factories.push(
          ...names
            .split(',')
            .map((name) => name.trim())
            .filter(isFactory),
        );
  expect(factories).toContain('createSecrets');
  const texts = (await examplesOfDocstrings()).map(({ text }) => text);
  expect(factories.filter((name) => !texts.some((text) => text.includes(`${name}(`)))).toEqual([]);
});

function isFactory(name: string): boolean {
  return /^(?:create|start)|(?:Provider|Server|Proxy|Tests)$|^manualClock$/.test(name);
}

async function examplesOfDocuments(): Promise<Example[]> {
  const documents = await readDocuments();
  return documents.flatMap(({ path, blocks }) =>
    blocks
      .filter(({ language }) => language === 'ts')
      .map(({ line, text }) => ({ place: `${path}:${line}`, text })),
  );
}

async function examplesOfDocstrings(): Promise<Example[]> {
  const found: Example[] = [];
  for (const path of await sources()) {
    const source = await readFile(join(root, path), 'utf8');
    for (const comment of source.matchAll(/\/\*\*[\s\S]*?\*\//g)) {
      if (!comment[0].includes('@example')) continue;
      const before = source.slice(0, comment.index).split('\n').length;
      const text = comment[0].replace(/^ *\*(?: |$)/gm, '');
      const example = text.slice(text.indexOf('@example'));
      const offset = text.slice(0, text.indexOf('@example')).split('\n').length - 1;
      const blocks = codeBlocks(example);
      if (blocks.length === 0) throw new Error(`${path}: an @example without a block of code`);
      for (const { line, text: code } of blocks)
        found.push({ place: `${path}:${before + offset + line - 1}`, text: code });
    }
  }
  return found;
}

/** The source files of every package, from the root. */
async function sources(): Promise<string[]> {
  const packages = await readdir(join(root, 'packages'));
  const found = await Promise.all(
    packages.map(async (name) => {
      const files = await readdir(join(root, 'packages', name, 'src'), { recursive: true });
      return files
        .filter((file) => file.endsWith('.ts'))
        .map((file) => `packages/${name}/src/${file}`);
    }),
  );
  return found.flat();
}
