/**
 * A program compiled with `exactOptionalPropertyTypes` may write `ttl: process.env.TTL`: an option that may be left out
 * may be `undefined` too, in every interface of options that the reports of the API have.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './markdown.ts';

const packages = join(root, 'packages');

test('every option of the API that may be left out may be undefined', async () => {
  const strict: string[] = [];
  let seen = 0;
  for (const name of await readdir(packages))
    for (const file of await readdir(join(packages, name, 'api')).catch(() => [])) {
      const report = await readFile(join(packages, name, 'api', file), 'utf8');
      const interfaces =
        /interface (\w*(?:Options|Entry|Config|Provider)) (?:extends .+)?\{\n(.+?)\n\}/gs;
      for (const [, type, body = ''] of report.matchAll(interfaces)) {
        // the contract of a provider is not given as options
        if (type === 'SecretProvider') continue;
        for (const [, option, kind = ''] of body.matchAll(/^ {4}readonly (\w+)\?: (.+);$/gm)) {
          seen += 1;
          if (!kind.endsWith('| undefined')) strict.push(`${name}: ${type}.${option}: ${kind}`);
        }
      }
    }
  expect(seen).toBeGreaterThan(80);
  expect(strict).toEqual([]);
});
