/**
 * Which two stores are one, by where they are.
 */
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { memoryProvider } from '@keyfall/core';
import type { StorePlace } from '@keyfall/core/provider';
import { expect, test } from 'vitest';
import { isSameStore, placeOf, sharesFile } from '../src/migration/store-identity.ts';
import { folderWith } from './keyfall.ts';

const vault = { kind: 'vault', address: 'https://vault.example', paths: ['secret/shop'] };

test('a provider that does not say where its store is goes by its name', () => {
  const { place: _, ...silent } = memoryProvider({}, { name: 'mine' });
  expect(placeOf(silent)).toEqual({ kind: 'mine' });
  expect(placeOf({ ...silent, place: vault })).toBe(vault);
});

test.each<[string, StorePlace, boolean]>([
  ['the same', { ...vault }, true],
  ['another kind', { ...vault, kind: 'doppler' }, false],
  ['another address', { ...vault, address: 'https://other.example' }, false],
  ['no address', { kind: 'vault', paths: vault.paths }, false],
  ['another path', { ...vault, paths: ['secret/other'] }, false],
  ['one path more', { ...vault, paths: ['secret/shop', 'secret/other'] }, false],
  ['no path', { kind: 'vault', address: vault.address }, false],
  ['a file', { ...vault, files: ['/shop/.env'] }, false],
])('%s', async (_, other, isSame) => {
  expect(await isSameStore(vault, other)).toBe(isSame);
  expect(await isSameStore(other, vault)).toBe(isSame);
  expect(await sharesFile(vault, other)).toBe(false);
});

test('files are the same under each path that leads to them, and in the same order', async () => {
  const cwd = await folderWith();
  const [file, link, other] = ['.env', 'link', 'other'].map((name) => join(cwd, name));
  const at = (...files: unknown[]) => ({ kind: 'dotenv', files: files as string[] });
  await writeFile(String(file), '');
  await symlink('.env', String(link));
  expect(await isSameStore(at(file), at(link))).toBe(true);
  expect(await isSameStore(at(file, other), at(link, other))).toBe(true);
  expect(await isSameStore(at(file, other), at(other, file))).toBe(false);
  expect(await isSameStore(at(file), { ...at(file), kind: 'sops' })).toBe(false);
  expect(await sharesFile(at(file), { ...at(other, link), kind: 'sops' })).toBe(true);
  expect(await sharesFile(at(file), at(other))).toBe(false);
});
