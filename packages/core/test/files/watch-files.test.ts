// When a watch speaks: once for each new state, however many events there are, and not without one.
import { writeFileSync } from 'node:fs';
import { chmod, mkdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { identityOf, watchFiles, watchState } from '../../src/files/index.ts';
import { folderOfTests } from './folder.ts';

/** What the system answers to a watch instead of beginning it, and what hears its events. */
const system = vi.hoisted(() => ({ watch: '', listeners: [] as (() => void)[] }));
vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>();
  return {
    ...real,
    watch(...args: [path: string, options: { persistent: boolean }, listener: () => void]) {
      system.listeners.push(args[2]);
      if (system.watch === '') return real.watch(...args);
      throw Object.assign(new Error(system.watch), { code: system.watch });
    },
  };
});

const newFile = folderOfTests();
let path: string;
let folder: string;
let stop: AbortController;
beforeEach(async () => {
  ({ path } = await newFile());
  folder = dirname(path);
  stop = new AbortController();
  system.watch = '';
  system.listeners = [];
});
afterEach(() => stop.abort());

test('a hundred changes at once are one or a few', async () => {
  const changes = vi.fn();
  void watchFiles([path], changes, stop.signal);
  for (let index = 0; index < 100; index += 1) writeFileSync(path, `${index}`);
  await vi.waitFor(() => expect(changes).toHaveBeenCalled());
  expect(changes.mock.calls.length).toBeLessThan(10);
});

test('a file is another one with other permissions or content, though its time is set back', async () => {
  const states = new Set([identityOf(path)]);
  await writeFile(path, 'one');
  states.add(identityOf(path));
  await chmod(path, 0o600);
  await utimes(path, 1, 1);
  states.add(identityOf(path));
  await writeFile(path, 'other');
  await utimes(path, 1, 1);
  states.add(identityOf(path));
  expect(states.size).toBe(4);
});

test('events without a new state are not reported, and a new state is reported once', async () => {
  let state = 'one';
  let looks = 0;
  const watched = {
    folders: () => [folder],
    state: () => {
      looks += 1;
      return state;
    },
  };
  const changes = vi.fn();
  const ended = watchState(watched, changes, stop.signal);
  await writeFile(path, 'an event');
  await vi.waitFor(() => expect(looks).toBe(2));
  expect(changes).not.toHaveBeenCalled();
  state = 'two';
  await writeFile(path, 'another event');
  await vi.waitFor(() => expect(changes).toHaveBeenCalledTimes(1));
  stop.abort();
  await ended;
  state = 'three';
  await writeFile(path, 'an event that nobody hears');
  expect(changes).toHaveBeenCalledTimes(1);
});

test('events that do not end put a look off, but not without end', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  let state = 'one';
  const changes = vi.fn();
  void watchState({ folders: () => [folder], state: () => state }, changes, stop.signal);
  const [stirred] = system.listeners;
  state = 'two';
  const told: boolean[] = [];
  for (let time = 0; time <= 640; time += 40) {
    stirred?.();
    vi.advanceTimersByTime(40); // less than what is taken for calm
    told.push(changes.mock.calls.length > 0);
  }
  vi.useRealTimers();
  expect(told.slice(0, 12)).not.toContain(true);
  expect(told.at(-1)).toBe(true);
});

test('folders that come and go are followed', async () => {
  const deep = join(folder, 'a', 'b', 'secrets');
  const changes = vi.fn();
  void watchFiles([deep], changes, stop.signal);
  await mkdir(dirname(deep), { recursive: true });
  await writeFile(deep, 'one');
  await vi.waitFor(() => expect(changes).toHaveBeenCalledTimes(1));
  await rm(join(folder, 'a'), { recursive: true });
  await vi.waitFor(() => expect(changes).toHaveBeenCalledTimes(2));
  await mkdir(join(folder, 'new', 'b'), { recursive: true });
  await writeFile(join(folder, 'new', 'b', 'secrets'), 'two');
  await rename(join(folder, 'new'), join(folder, 'a'));
  await vi.waitFor(() => expect(changes).toHaveBeenCalledTimes(3));
  await writeFile(deep, 'three');
  await vi.waitFor(() => expect(changes).toHaveBeenCalledTimes(4));
});

test('a system that has no watch left fails the watch, at its beginning and later', async () => {
  system.watch = 'ENOSPC';
  await expect(watchFiles([path], expect.unreachable, stop.signal)).rejects.toThrow('ENOSPC');
  system.watch = '';
  const watching = watchFiles([join(folder, 'a', 'secrets')], () => {}, stop.signal);
  const failed = expect(watching).rejects.toThrow('EMFILE');
  system.watch = 'EMFILE';
  await mkdir(join(folder, 'a'));
  await failed;
});

test('a signal that has fired begins nothing', async () => {
  system.watch = 'ENOSPC';
  await watchFiles([path], expect.unreachable, AbortSignal.abort());
});
