import { readFileSync } from 'node:fs';
import { chmod, copyFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createSecrets } from '@keyfall/core';
import { assertNoLeak } from '@keyfall/testkit';
import { beforeEach, describe, expect, test } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { sopsProvider } from '../src/index.ts';
import { fixture, fixturePath, keyPath, keyText, nowhere, secretOf } from './fixtures.ts';
import { context, valuesOf } from './store.ts';

const keys = { ageKeyFile: keyPath('one.txt'), environment: nowhere };

let folder: string;
beforeEach(async () => {
  folder = await testFolder();
});

test('every value has one lossless text form', async () => {
  const provider = sopsProvider({ path: fixturePath('all.yaml'), ...keys });
  expect({ ...valuesOf(await provider.read('all', context())) }).toMatchObject({
    token: 's3cret-canary',
    port: '5432',
    ratio: '1.5',
    octal: '15',
    yes: 'yes',
    on: 'true',
    off: 'false',
    none: 'null',
    when: '2024-01-02T03:04:05.12+02:00',
    day: '2024-01-02T00:00:00Z',
    '123': 'digits',
    '': 'a name without letters',
    empty: '',
    multi: 'line one\nline two\n',
    'database.password': 'hunter2-canary',
    'database.nested.deep': 'x: y',
    list: '["a",{"b":1,"c":"d"},[1,2.5,true,null]]',
    emptylist: '[]',
    'sp ace': '1000',
    exponent: '1000000000000000000000',
    small: '0.0000000015',
    negative: '-5',
    open_time_unencrypted: '2024-05-06T00:00:00Z',
  });
  expect([...(await provider.read('all', context())).entries.keys()]).toContain('__proto__');
});

test('names are joined by the separator, and in ini the names before the first section stand alone', async () => {
  const yaml = sopsProvider({ path: fixturePath('all.yaml'), separator: '__', ...keys });
  expect(Object.keys(valuesOf(await yaml.read('all', context())))).toContain(
    'database__nested__deep',
  );
  const ini = sopsProvider({ path: fixturePath('all.ini'), ...keys });
  expect(Object.keys(valuesOf(await ini.read('all', context())))).toEqual([
    'OUTSIDE',
    'database.password',
    'database.port',
    'database.quoted',
    'database.hash',
    'database.open_unencrypted',
    'a.b.key with space',
  ]);
});

test('a chain falls back from a missing file, and says so', async () => {
  const secrets = createSecrets({
    providers: [sopsProvider({ path: join(folder, 'missing.yaml'), ...keys })],
  });
  const events: string[] = [];
  secrets.on('fallback', (event) => events.push(JSON.stringify(event)));
  expect(await secrets.find('TOKEN')).toBeUndefined();
  expect(events.join()).toContain('missing.yaml');
  await secrets.close();
});

test('making a provider loads no module that reads files', () => {
  const index = fileURLToPath(new URL('../src/index.ts', import.meta.url));
  expect([...staticImports(index)].map((name) => basename(name)).sort()).toEqual([
    'decrypt-sops-file.ts',
    'encrypt-sops-file.ts',
    'index.ts',
    'node:path',
    'own-age-key.ts',
    'provider',
    'sops-provider.ts',
    'sops-source.ts',
  ]);
});

/** The modules that `file` cannot be loaded without, types left out. */
function staticImports(file: string, found: Set<string> = new Set()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  const text = readFileSync(file, 'utf8').replace(/^(import|export) type .*?;$/gms, '');
  for (const [, name = ''] of text.matchAll(/^(?:import|export) [\w{},\s]+from '([^']+)';$/gm))
    if (name.startsWith('.')) staticImports(join(dirname(file), name), found);
    else found.add(name);
  return found;
}

describe('check', () => {
  async function checksOf(path: string, ageKeyFile = keyPath('one.txt'), environment = nowhere) {
    const provider = sopsProvider({ path, ageKeyFile, environment });
    const checks = (await provider.check?.(context())) ?? [];
    assertNoLeak([secretOf('one.txt'), 's3cret-canary', 'hunter2-canary'], checks);
    return checks.map(({ subject, state, message }) => `${subject} ${state}: ${message}`);
  }

  test('shows which keys open the file, that one of ours does, and that the MAC is right', async () => {
    const key = join(folder, 'key.txt');
    await writeFile(key, keyText('one.txt'), { mode: 0o600 });
    const path = fixturePath('groups.yaml');
    expect(await checksOf(path, key)).toEqual([
      expect.stringMatching(/^file ready: .*\byaml\b.* 3\.11\.0$/),
      expect.stringMatching(/^recipients ready: 4 .* 3 .* 2$/),
      expect.stringMatching(/^key ready: /),
      expect.stringMatching(/^MAC ready: /),
      expect.stringMatching(/^key file ready: .*\b600$/),
    ]);
    const shown = (lines: readonly string[]) =>
      lines.join('\n').replaceAll(path, 'FILE').replaceAll(key, 'KEY');
    expect(shown(await checksOf(path, key))).toMatchSnapshot();
    await chmod(key, 0o644);
    const open = (await checksOf(path, key)).at(-1) ?? '';
    expect(open).toMatch(/^key file failing: .*\b644\b/);
    expect(shown([open])).toMatchSnapshot();
  });

  test('reports what is wrong, and never throws', async () => {
    const path = join(folder, 'checked.yaml');
    const missing = await checksOf(path);
    await writeFile(path, 'not: ours\n');
    const plain = await checksOf(path);
    for (const found of [missing, plain])
      expect(found).toContainEqual(expect.stringContaining(`file failing: ${path} `));
    expect(plain).not.toEqual(missing);
    await writeFile(path, fixture('all.yaml').replace('none: null', 'none: x'));
    expect((await checksOf(path)).join()).toContain('MAC failing');
    expect((await checksOf(fixturePath('all.yaml'), keyPath('two.txt'))).join()).toContain(
      'key failing: ',
    );
    const noSops = { ...nowhere, PATH: '/nowhere' };
    expect((await checksOf(fixturePath('pgp.yaml'), keyPath('one.txt'), noSops)).join()).toMatch(
      /\bfailing: .*\bsops\b.*\bPATH\b/,
    );
  });
});

describe('watch', () => {
  /** Waits for the next change that a watch reports. */
  function watching(path: string) {
    const ended = new AbortController();
    let changed: () => void = () => undefined;
    let next = new Promise<void>((resolve) => {
      changed = resolve;
    });
    const watch = sopsProvider({ path, ...keys }).watch?.(() => changed(), ended.signal);
    return {
      async after(change: () => Promise<void>) {
        await change();
        await next;
        next = new Promise<void>((resolve) => {
          changed = resolve;
        });
      },
      async end() {
        ended.abort();
        await watch;
      },
    };
  }

  test('reports a change in place, a file renamed over it, its removal and its return', async () => {
    const path = join(folder, 'watched.yaml');
    await writeFile(path, fixture('all.yaml'));
    const watch = watching(path);
    // the watch is set up once its module is loaded, which nothing reports: so the first write repeats
    const repeated = setInterval(() => void writeFile(path, fixture('rsa.yaml')), 100);
    await watch.after(async () => {});
    clearInterval(repeated);
    await watch.after(async () => {
      await writeFile(`${path}.new`, fixture('groups.yaml'));
      await rename(`${path}.new`, path);
    });
    await watch.after(() => rm(path));
    await watch.after(() => copyFile(fixturePath('all.yaml'), path));
    await watch.end();
  });
});
