import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { temporaryFolder } from '@keyfall/testkit';
import { expect, test } from 'vitest';
import { measureOperations } from '../harness/clients.mjs';
import { measureCommands } from '../harness/commands.mjs';
import { countingProxy } from '../harness/counting-proxy.mjs';
import { figure } from '../harness/results.mjs';
import { median, paired, quantile } from '../harness/statistics.mjs';
import { tableOf } from '../harness/table.mjs';

test('a median of an even number of samples is between the two in the middle', () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([100, 1, 2])).toBe(2);
  expect(quantile([0, 10, 20, 30, 40], 0.25)).toBe(10);
  expect(quantile([0, 1], 0.25)).toBe(0.25);
  expect(() => median([])).toThrow('no quantile of no numbers');
});

test('samples are compared with the floor of the same round, so that a slow round changes no ratio', () => {
  const floor = [10, 10, 1_000, 10];
  const samples = floor.map((least) => least * 1.5);
  expect(paired(samples, floor)).toEqual({ value: 1.5, low: 1.5, high: 1.5 });
  expect(paired([12, 13, 1_002, 12], floor, (sample, least) => sample - least).value).toBe(2);
  expect(() => paired([1], floor)).toThrow('1 samples cannot be paired with 4');
});

test('operations have their turns in rounds, the floor twice, each in a process of its own', async () => {
  const { folder, remove } = await temporaryFolder();
  try {
    const log = join(folder, 'log');
    const module = join(folder, 'subject.mjs');
    writeFileSync(
      module,
      `import { appendFileSync } from 'node:fs';
      const subject = (name) => ({ log }) => {
        appendFileSync(log, name + ' ' + process.pid + '\\n');
        return { per: 10, operation: () => new Promise((resolve) => setTimeout(resolve, 1)) };
      };
      export const floor = subject('floor');
      export const peer = subject('peer');`,
    );
    const url = pathToFileURL(module).href;
    const subjects = [
      { name: 'the floor', kind: 'floor', start: [url, 'floor'] },
      { name: 'a peer', kind: 'peer', start: [url, 'peer'] },
    ];
    const how = {
      rounds: 2,
      generations: 2,
      slice: 5,
      warm: { milliseconds: 5, operations: 1 },
      widths: [1, 8],
    };
    const samples = await measureOperations(subjects as never, { log }, how);
    expect([...samples.keys()]).toEqual([1, 8]);
    const one = figure('µs', samples.get(1) ?? new Map());
    expect(one.subjects.map(({ name, kind }) => [name, kind])).toEqual([
      ['the floor', 'floor'],
      ['a peer', 'peer'],
      ['the floor, again', 'again'],
    ]);
    for (const { samples } of one.subjects)
      for (const what of ['p50', 'wall', 'cpu']) expect(samples[what]).toHaveLength(4);
    // a millisecond is ten operations, of which eight wait together
    expect(one.subjects[1]?.samples['p50']?.[0]).toBeGreaterThan(90);
    expect(tableOf('one', one)).toContain('ratio to the floor');
    const started = readFileSync(log, 'utf8').trim().split('\n');
    expect(new Set(started).size).toBe(6);
  } finally {
    await remove();
  }
});

test('a subject that fails ends the measurement with its error', async () => {
  const { folder, remove } = await temporaryFolder();
  try {
    const module = join(folder, 'subject.mjs');
    writeFileSync(
      module,
      `export const floor = () => () => { throw new Error('nothing was read'); };`,
    );
    const start = [pathToFileURL(module).href, 'floor'];
    const subjects = [{ name: 'the floor', kind: 'floor', start }];
    await expect(
      measureOperations(subjects as never, {}, { rounds: 1, generations: 1 }),
    ).rejects.toThrow('nothing was read');
  } finally {
    await remove();
  }
});

test('a command is measured with its children, and one that fails ends the measurement', async () => {
  const { folder, remove } = await temporaryFolder();
  try {
    const env = { PATH: process.env['PATH'] ?? '' };
    const sh = (script: string) => ['/bin/sh', '-c', script];
    const floor = { name: 'nothing', kind: 'floor', env, command: sh(':') } as const;
    const busy = {
      name: 'a child that works',
      kind: 'peer',
      env,
      command: sh('sh -c "i=0; while [ \\$i -lt 20000 ]; do i=\\$((i+1)); done"; :'),
    } as const;
    const samples = await measureCommands([floor, busy], { rounds: 3, cwd: folder });
    const cpu = [...samples.values()].map((of) => median(of.cpu));
    expect(cpu[1]).toBeGreaterThan((cpu[0] ?? 0) * 2);
    const failing = { ...busy, command: sh('exit 3') };
    await expect(measureCommands([floor, failing], { rounds: 1, cwd: folder })).rejects.toThrow(
      'ended with 3',
    );
  } finally {
    await remove();
  }
});

test('a proxy counts what reaches the server, and passes answers on', async () => {
  const server = createServer((request, response) => {
    request.pipe(response.writeHead(request.url === '/missing' ? 404 : 200, { 'x-own': 'yes' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const proxy = await countingProxy(`http://127.0.0.1:${port}`);
  try {
    const answer = await fetch(`${proxy.address}/a?b=c`, { method: 'POST', body: 'text' });
    expect(answer.headers.get('x-own')).toBe('yes');
    expect(await answer.text()).toBe('text');
    expect((await fetch(`${proxy.address}/missing`)).status).toBe(404);
    expect(proxy.requests()).toEqual(['POST /a?b=c', 'GET /missing']);
    expect(proxy.requests()).toEqual([]);
  } finally {
    await proxy.stop();
    server.closeAllConnections();
    server.close();
  }
});
