/**
 * What is said of a JSON configuration that is wrong: file, line and option, and no text of it.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openChain } from '../src/chain/cli-chain.ts';
import { configuredChain } from '../src/config/configured-chain.ts';
import { folderWith } from './keyfall.ts';
import { transcript } from './transcript.ts';

const canary = 'canary-3e9a';

test.each([
  ['{\n  "names": [1]\n}', 'line 2: names[0]: '],
  ['{\n  "names": [],\n}', 'line 3: '],
  ['{\n  // comment\n}', 'line 2: '],
  [`{\n  "ttl": ${canary}\n}`, 'line 2: '],
  ['{\n  "names": [],\n  "names": []\n}', 'line 3: '],
  [`{\n  "ttl": "${canary}"\n}`, 'line 2: ttl: '],
  ['{\n\n  "ttls": 1\n}', 'line 3: ttls: '],
  ['[]', 'json: '],
  ['{}', 'json: '],
  ['{\n  "providers": []\n}', 'line 2: providers: '],
  [
    '{\n  "profiles": {\n    "prod": {\n      "providers": [{}]\n} } }',
    'line 4: profiles.prod.providers[0].provider: ',
  ],
  [
    `{\n  "providers": [\n  { "provider": "vault", "path": "${canary}",\n  "mout": "x" }] }`,
    'line 4: providers[0].mout: ',
  ],
  [
    `{\n  "providers": [\n  { "provider": "vault", "token": "${canary}" }] }`,
    'line 3: providers[0].token: ',
  ],
])('the configuration %s is refused with its place', async (text, place) => {
  const cwd = await folderWith();
  const file = join(cwd, 'keyfall.config.json');
  await writeFile(file, text);
  const chain = await configuredChain(file, undefined).then(openChain, (error) => error);
  expect(chain).toMatchObject({
    code: 'ERR_SECRET_CONFIG',
    message: expect.stringContaining(place),
  });
  expect(transcript(chain.message, { FOLDER: cwd })).toMatchSnapshot();
  expect(chain.stack).not.toContain(canary);
});

test('a name that a profile binds to a missing provider is reported at its place in the profile', async () => {
  const file = join(await folderWith(), 'keyfall.config.json');
  const text =
    '{ "providers": [{ "provider": "dotenv" }],\n"profiles": { "prod": {\n"only": {\n"A": "vault" } } } }';
  await writeFile(file, text);
  await expect(configuredChain(file, 'prod')).rejects.toThrow('line 4: profiles.prod.only.A: ');
});

test('an option of a profile that is undefined is left out, and the one outside of the profiles counts', async () => {
  const file = join(await folderWith(), 'keyfall.config.mjs');
  await writeFile(
    file,
    `export default {
       names: ['A'], ttl: '1m', providers: [{ provider: 'env', prefix: 'X_', name: undefined, required: undefined }],
       profiles: { dev: { names: undefined, providers: undefined, ttl: undefined, budget: undefined } },
     };`,
  );
  const { names, ttl, providers } = await configuredChain(file, 'dev');
  expect({ names, ttl, count: providers.length }).toEqual({ names: ['A'], ttl: '1m', count: 1 });
});
