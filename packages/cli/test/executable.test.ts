/**
 * What can be started is told from what cannot before our process is given up for it: where
 * `process.execve` fails, Node aborts, and may leave a core dump with every secret in it.
 */
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { denyAccess } from '@keyfall/testkit';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { becomeChild } from '../src/run/child-process.ts';
import { findExecutable, kindOf } from '../src/run/executable.ts';
import { isForeign } from '../src/run/foreign-program.ts';
import { folderWith } from './keyfall.ts';

/** The kind of a file with this content. */
async function kindOfFile(content: string | Buffer): Promise<string> {
  const path = join(await folderWith(), 'program');
  await writeFile(path, content, { mode: 0o755 });
  return kindOf(path);
}

test('a folder of the PATH that may not be entered hides no program, and is no reason of its own', async () => {
  const locked = await folderWith();
  const program = join(locked, 'program');
  await writeFile(program, '#!/bin/sh\n', { mode: 0o755 });
  const regain = await denyAccess(locked);
  try {
    expect(findExecutable('program', { PATH: locked })).toEqual({
      problem: 'command not found',
      exitCode: 127,
    });
    expect(findExecutable('sh', { PATH: `${locked}:/bin` })).toEqual({ path: '/bin/sh' });
    expect(findExecutable(program, {})).toEqual({ problem: 'permission denied', exitCode: 126 });
  } finally {
    await regain();
  }
});

describe('a script', () => {
  test.each([
    [`#!${process.execPath}\n`, 'program'],
    ['#!/usr/bin/env node\n', 'program'],
    ['#! /bin/sh -e\necho', 'program'],
    ['#!/no/such/interpreter\n', 'unknown'],
    ['#!sh\n', 'unknown'],
    ['#!/bin/sh', 'unknown'],
    [`#!/bin/sh ${'x'.repeat(200)}\n`, 'unknown'],
    ['echo no first line for an interpreter\n', 'unknown'],
    ['', 'unknown'],
  ])('%j: %s', async (text, kind) => {
    expect(await kindOfFile(text)).toBe(kind);
  });

  test('whose interpreter is a script, and so on: where systems stop, we do', async () => {
    const folder = await folderWith();
    const script = async (name: string, interpreter: string) => {
      const path = join(folder, name);
      await writeFile(path, `#!${interpreter}\n`, { mode: 0o755 });
      return path;
    };
    const one = await script('one', '/bin/sh');
    const two = await script('two', one);
    const three = await script('three', two);
    expect([one, two, three].map((path) => kindOf(path))).toEqual([
      'program',
      'program',
      'unknown',
    ]);
    expect(kindOf(await script('itself', join(folder, 'itself')))).toBe('unknown');
  });
});

describe('a program in ELF', () => {
  let node: Buffer;
  beforeAll(async () => {
    const file = await open(process.execPath);
    node = Buffer.alloc(4_096);
    await file.read(node);
    await file.close();
  });

  /** Node's own head, with something else in it. */
  const changed = (change: (head: Buffer) => void) => {
    const head = Buffer.from(node);
    change(head);
    return head;
  };
  const withLoader = (path: string) =>
    changed((head) => {
      const at = head.indexOf('/lib');
      expect(at).toBeGreaterThan(0);
      head.write(`${path}\0`, at);
    });

  test('Node itself is one', () => {
    expect(kindOf(process.execPath)).toBe('program');
  });

  test.each([
    ['cut off in its header', () => node.subarray(0, 40), 'not-executable'],
    ['cut off behind its header', () => node.subarray(0, 64), 'not-executable'],
    ['not linked yet', () => changed((head) => head.writeUInt16LE(1, 16)), 'not-executable'],
    ['with nothing to load', () => changed((head) => head.fill(0, 64, 4_096)), 'not-executable'],
    ['for another processor', () => changed((head) => head.writeUInt16LE(8, 18)), 'not-executable'],
    ['whose loader is not here', () => withLoader('/lib/none.so'), 'unknown'],
    ['with all there is', () => node, 'program'],
  ])('%s', async (_, content, kind) => {
    expect(await kindOfFile(content())).toBe(kind);
  });

  test.each([
    ['is no program', () => Buffer.from('text'), 0o755],
    ['may not be executed', () => node, 0o644],
  ])('whose loader %s', async (_, content, mode) => {
    const loader = join(await folderWith(), 'l');
    await writeFile(loader, content(), { mode });
    expect(await kindOfFile(withLoader(loader))).toBe('unknown');
  });

  test('that names itself as its loader ends the look', async () => {
    const path = join(await folderWith(), 'p');
    await writeFile(path, withLoader(path), { mode: 0o755 });
    expect(kindOf(path)).toBe('program');
  });
});

describe('what no system of this kind starts', () => {
  const arm = Buffer.alloc(64);
  arm.write('\x7fELF\x02\x01\x01', 'latin1');
  arm.writeUInt16LE(8, 18); // MIPS, which is nobody's here
  const darwin = Buffer.from('cffaedfe0c00000100000000', 'hex');
  const windows = Buffer.from('MZ\x90\0\x03\0\0\0', 'latin1');

  test.each([
    ['another processor', arm],
    ['macOS', darwin],
    ['Windows', windows],
  ])('a program for %s is refused', async (_, start) => {
    expect(isForeign('/p', start, await folderWith())).toBe(true);
    expect(await kindOfFile(start)).toBe('not-executable');
  });

  test.each([
    ['text', Buffer.from('echo hello\n')],
    ['a script with an archive behind it', Buffer.from('tail -n +2 "$0"\n\0\0\0')],
    ['a program that a shell begins (APE)', Buffer.from("MZqFpD='\n\0\0\0")],
    ['nothing', Buffer.alloc(0)],
  ])('and is not %s, which a shell starts', async (_, start) => {
    expect(isForeign('/p', start, await folderWith())).toBe(false);
  });

  test('of 32 bits for this processor may be one that the system starts', async () => {
    const start = Buffer.from(arm);
    start[4] = 1;
    start.writeUInt16LE({ x64: 3, arm64: 40 }[process.arch as string] ?? 0, 18);
    expect(isForeign('/p', start, await folderWith())).toBe(
      !['x64', 'arm64'].includes(process.arch),
    );
  });

  test.each([
    ['enabled\ninterpreter /q\nflags: F\noffset 0\nmagic 7f454c46020101\n', '/p', false],
    ['disabled\ninterpreter /q\nflags: F\noffset 0\nmagic 7f454c46020101\n', '/p', true],
    ['enabled\noffset 18\nmagic 0900\nmask feff\n', '/p', false],
    ['enabled\noffset 18\nmagic 0900\n', '/p', true],
    ['enabled\nextension .mips\n', '/p.mips', false],
    ['enabled\nextension .mips\n', '/p', true],
  ])('by the handlers that are registered: %j', async (entry, path, isOne) => {
    const handlers = await folderWith();
    await writeFile(join(handlers, 'register'), 'enabled\noffset 0\nmagic 7f\n');
    await writeFile(join(handlers, 'qemu'), entry);
    expect(isForeign(path, arm, handlers)).toBe(isOne);
  });

  test('a script whose interpreter it is: a shell would run what is meant for that', async () => {
    const folder = await folderWith();
    await writeFile(join(folder, 'interpreter'), arm, { mode: 0o755 });
    const script = join(folder, 'script');
    await writeFile(script, `#!${join(folder, 'interpreter')}\n`, { mode: 0o755 });
    expect(kindOf(script)).toBe('not-executable');
  });
});

test('a program that cannot be become after all is started beside us', () => {
  const before = Object.getOwnPropertyDescriptor(process, 'execve');
  let calls = 0;
  const execve = () => {
    calls += 1;
    throw Object.assign(new Error('execve'), { code: 'ETXTBSY' });
  };
  Object.defineProperty(process, 'execve', { value: execve, configurable: true });
  onTestFinished(() => {
    if (before) Object.defineProperty(process, 'execve', before);
    else Reflect.deleteProperty(process, 'execve');
  });
  expect(becomeChild({ file: process.execPath, args: [], env: {} })).toBeUndefined();
  expect(calls).toBe(1);
});
