/**
 * Names of `.env` files whose values a program may read differently: because readers differ on them, or because they
 * refer to the environment.
 */
import type { NameReading } from '@keyfall/core/provider';
import { differingNames, isPlainText, readWith } from '../readers/read-dotenv.ts';
import type { Variables } from '../readers/reading.ts';
import { type Contents, merged } from './dotenv-contents.ts';

/** The names of these files that need attention. */
export async function readingsOf(
  { files, isReaderNamed }: Contents,
  variables: Variables,
): Promise<readonly NameReading[]> {
  const found = new Map<string, NameReading>();
  for (const content of files) {
    if (content === undefined) continue;
    // a later file decides about the names that it holds
    for (const name of content.values.keys()) found.delete(name);
    for (const [name, taken] of content.outside)
      found.set(name, { name, readers: [], variables: [...taken] });
    if (isReaderNamed) continue;
    for (const [name, readers] of await differingNames(content.text, variables))
      found.set(name, { name, readers, variables: found.get(name)?.variables ?? [] });
  }
  return [...found.values()];
}

/** The names that the two readers of a Node program differ on. */
export async function differingInNode(
  { files }: Contents,
  variables: Variables,
): Promise<readonly string[]> {
  const names = new Set<string>();
  for (const content of files) {
    if (content === undefined || isPlainText(content.text)) continue;
    const { values } = await readWith('node', content.text, variables).catch(() => content);
    for (const name of content.values.keys())
      if (values.get(name) !== content.values.get(name)) names.add(name);
  }
  return [...names];
}

/**
 * The names that python-dotenv reads differently if a program loads these files one after another, in either
 * order: `${NAME}` then finds what the earlier files have put into the environment.
 */
export async function differingInOrder(
  { files }: Contents,
  variables: Variables,
): Promise<readonly string[]> {
  const names = new Set<string>();
  for (const [index, content] of files.entries()) {
    const later = merged(files.slice(index + 1));
    for (const name of later.keys()) names.delete(name);
    if (!content?.text.includes('${')) continue;
    // a program that loads them first to last replaces what it has loaded
    const earlier = [...merged(files.slice(0, index))].filter(
      ([name]) => !content.values.has(name),
    );
    for (const loaded of [earlier, [...later]]) {
      const seen = { ...Object.fromEntries(loaded), ...variables };
      const { values } = await readWith('python', content.text, seen);
      for (const [name, value] of content.values)
        if (!later.has(name) && values.get(name) !== value) names.add(name);
    }
  }
  return [...names];
}
