/**
 * What can be started is told from what cannot before our process is given up for it: where
 * `process.execve` fails, Node aborts, and may leave a core dump with every secret in it.
 */
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { kindOf } from '../src/executable.ts';
import { folderWith } from './keyfall.ts';

/** The kind of a file with this content. */
async function kindOfFile(content: string | Buffer): Promise<string> {
  const path = join(await folderWith(), 'program');
  await writeFile(path, content, { mode: 0o755 });
  return kindOf(path);
}

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
    ['cut off in its header', () => node.subarray(0, 40), 'broken'],
    ['cut off behind its header', () => node.subarray(0, 64), 'broken'],
    ['not linked yet', () => changed((head) => head.writeUInt16LE(1, 16)), 'broken'],
    ['with nothing to load', () => changed((head) => head.fill(0, 64, 4_096)), 'broken'],
    ['for another processor', () => changed((head) => head.writeUInt16LE(8, 18)), 'unknown'],
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
