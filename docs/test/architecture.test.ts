/**
 * The walks in ARCHITECTURE.md are those of the code: every file exists, is imported by the file that calls it,
 * and is in no room above its caller's. Files elsewhere on the page exist as well.
 */
import { access, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { codeBlocks, root } from './markdown.ts';

interface Step {
  /** From the repository's root. */
  readonly path: string;
  readonly packageName: string;
  /** Larger is higher; the files of no room are highest. */
  readonly height: number;
  /** Whether it is called through an interface. */
  readonly isIndirect: boolean;
  readonly caller: Step | undefined;
}

const page = readFile(join(root, 'ARCHITECTURE.md'), 'utf8');

async function walks(): Promise<Step[][]> {
  const { rooms } = (await import(join(root, '.dependency-cruiser.mjs'))) as {
    readonly rooms: Readonly<Record<string, readonly string[]>>;
  };
  return codeBlocks(await page)
    .filter(({ words }) => words.has('walk'))
    .map(({ text }) => {
      const callers: { readonly indent: number; readonly step: Step }[] = [];
      return text.split('\n').map((line) => {
        const [, space = '', sign, packageName = '', file = ''] =
          /^( *)(~ )?([\w-]+)\/(\S+\.ts)/.exec(line) ?? [];
        while ((callers.at(-1)?.indent ?? -1) >= space.length) callers.pop();
        const room = dirname(file);
        const step: Step = {
          path: `packages/${packageName}/src/${file}`,
          packageName,
          height: room === '.' ? 100 : (rooms[packageName]?.indexOf(room) ?? -1),
          isIndirect: sign !== undefined,
          caller: callers.at(-1)?.step,
        };
        callers.push({ indent: space.length, step });
        return step;
      });
    });
}

/** Whether the file imports the other one, by its path or by the name of its package. */
async function imports(from: Step, to: Step): Promise<boolean> {
  const source = await readFile(join(root, from.path), 'utf8');
  if (from.packageName !== to.packageName) return source.includes(`'@keyfall/${to.packageName}`);
  const path = relative(dirname(from.path), to.path);
  return source.includes(`'${path.startsWith('.') ? path : `./${path}`}'`);
}

test('there are three walks, and each has many steps', async () => {
  const lengths = (await walks()).map(({ length }) => length);
  expect(lengths).toHaveLength(3);
  expect(Math.min(...lengths)).toBeGreaterThan(15);
});

test('every step of a walk is imported by its caller, and is not above it', async () => {
  for (const step of (await walks()).flat()) {
    const { path, caller, isIndirect } = step;
    await expect(access(join(root, path)), path).resolves.toBeUndefined();
    expect(step.height, `${path} is in a room`).toBeGreaterThanOrEqual(0);
    if (caller === undefined) continue;
    const arrow = `${caller.path} -> ${path}`;
    if (caller.packageName === step.packageName)
      expect(step.height, arrow).toBeLessThanOrEqual(caller.height);
    if (!isIndirect) expect([arrow, await imports(caller, step)]).toEqual([arrow, true]);
  }
});

test('every file that the page names by its full path exists', async () => {
  const paths = [...(await page).matchAll(/`(packages\/[\w./-]+\.\w+)`/g)].map(
    ([, path = '']) => path,
  );
  expect(paths.length).toBeGreaterThan(8);
  for (const path of paths) await expect(access(join(root, path)), path).resolves.toBeUndefined();
});
