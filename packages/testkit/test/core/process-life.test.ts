// What keeps a process alive and what does not, in processes of their own: a program that only waits for a change goes
// on, one that only has a view ends.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../src/index.ts';

const core = new URL('../../../core/dist/esm/index.js', import.meta.url).href;

/** Runs a program; resolves to its exit code and what it printed. */
async function run(program: string): Promise<readonly [code: number | null, output: string]> {
  const { folder, remove } = await temporaryFolder();
  const file = join(folder, 'program.mjs');
  await writeFile(
    file,
    `import { setTimeout } from 'node:timers'; // whose timers have unref in Deno, too
import { createSecrets, memoryProvider } from ${JSON.stringify(core)};
${program}`,
  );
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  const [code] = await once(child, 'close');
  await remove();
  return [code, output];
}

/** A store that says by itself, by a timer that keeps nothing alive, that it has another value. */
const store = `
  let value = '1';
  let begin;
  const watched = new Promise((resolve) => { begin = resolve; });
  const store = {
    name: 'store',
    store: 'store',
    read: async () => ({ entries: new Map([['A', { value }]]), complete: true }),
    async watch(changed) {
      begin();
      setTimeout(() => { value = '2'; changed(); }, 300).unref();
    },
  };
  const secrets = createSecrets({ providers: [store] });
`;

test.each([
  ['for await', "for await (const _ of secrets.watch('A')) break;"],
  ['one next', "await secrets.watch(['A', 'B']).next();"],
])('a watch that is the only work of a program goes on until the change: %s', async (_, wait) => {
  expect(await run(`${store}${wait}\nconsole.log('changed');`)).toEqual([0, 'changed\n']);
});

test('a watch that is over keeps no process alive', async () => {
  const program = `${store}
    const stop = new AbortController();
    const waiting = secrets.watch('A', { signal: stop.signal }).next();
    await watched;
    stop.abort();
    console.log((await waiting).done);`;
  expect(await run(program)).toEqual([0, 'true\n']);
});

test('neither a view nor a watch that takes no next keeps one alive', async () => {
  const program = `${store}
    const schema = { '~standard': { version: 1, vendor: 'mine', validate: (value) => ({ value }) } };
    const views = [await secrets.view(['A']), await secrets.view(schema)];
    secrets.watch('A');
    console.log(views.map(({ A }) => A).join());`;
  expect(await run(program)).toEqual([0, '1,1\n']);
});
