/**
 * The code blocks of a Markdown document, with what their info strings tell the tests. Commands are
 * in a block `bash` or `sh`, then words: `exit=4` (the status it ends with), `docker`, `server` and
 * `no-test=reason` (see `document-run.ts`; `machine/follow-page.ts` for pages that need a machine of their own).
 */
import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's own folder. */
export const root: string = fileURLToPath(new URL('../..', import.meta.url));

/** The address of the repository on the web. It stands in the root's `package.json`. */
export const repository: string = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
).repository.url.replace(/^git\+(.+)\.git$/, '$1');

/** One fenced block. */
export interface CodeBlock {
  /** First word of the info string: `bash`, `ts`, `text`. */
  readonly language: string;
  /** The other words: `exit=4` is `4` under `exit`, a bare word is `''` under itself. */
  readonly words: ReadonlyMap<string, string>;
  readonly text: string;
  /** Line of its first line in the document. */
  readonly line: number;
  /** The `text` block that follows before anything else does: what the block prints. */
  readonly output?: string;
}

/** A document with its path from the root. */
export interface MarkdownDocument {
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly CodeBlock[];
}

/** Every document of the repository, but for the changesets. */
export async function readDocuments(): Promise<MarkdownDocument[]> {
  const names = async (folder: string) =>
    (await readdir(join(root, folder), { withFileTypes: true })).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    );
  const paths = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md'];
  for (const folder of ['docs', 'docs/decisions', 'docs/errors', 'docs/providers', 'site'])
    for (const { name } of await names(folder))
      if (name.endsWith('.md')) paths.push(`${folder}/${name}`);
  for (const folder of ['packages', 'examples'])
    for (const entry of await names(folder))
      if (entry.isDirectory()) paths.push(`${folder}/${entry.name}/README.md`);
  return Promise.all(
    paths.map(async (path) => {
      const text = await readFile(join(root, path), 'utf8').catch(() => '');
      return { path, text, blocks: codeBlocks(text) };
    }),
  );
}

/** The fenced blocks of a Markdown text, in order. */
export function codeBlocks(markdown: string): CodeBlock[] {
  const blocks: (CodeBlock & { output?: string })[] = [];
  const lines = markdown.split('\n');
  let mayHaveOutput: (CodeBlock & { output?: string }) | undefined;
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    const opening = /^( *)(`{3,})(.*)$/.exec(line);
    if (opening === null) {
      if (line.startsWith('#')) mayHaveOutput = undefined;
      continue;
    }
    const [, indent = '', fence = '', info = ''] = opening;
    const start = index + 1;
    index = lines.findIndex((other, at) => at >= start && other.trim() === fence);
    if (index < 0) throw new Error(`The block at line ${start} is not closed.`);
    const [language = '', ...words] = info.trim().split(/\s+/);
    const text = lines
      .slice(start, index)
      .map((each) => each.replace(indent, ''))
      .join('\n');
    if (language === 'text' && mayHaveOutput !== undefined) mayHaveOutput.output = text;
    mayHaveOutput = undefined;
    const block = { language, words: new Map(words.map(wordOf)), text, line: start + 1 };
    blocks.push(block);
    if (isShell(block)) mayHaveOutput = block;
  }
  return blocks;
}

/** Whether a block holds commands. */
export function isShell({ language }: CodeBlock): boolean {
  return language === 'bash' || language === 'sh';
}

function wordOf(word: string): [string, string] {
  const [name = '', ...value] = word.split('=');
  return [name, value.join('=')];
}
