import { readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { conformanceTests } from '@keyfall/testkit';
import { describe, test } from 'vitest';
import { encryptSopsFile, sopsProvider } from '../src/index.ts';
import { keyText, nowhere, recipientOf, secretOf } from './fixtures.ts';
import { context, deny, temporaryFolder, valuesOf } from './store.ts';

const recipient = recipientOf('one.txt');
const ageRecipients = [recipient];

// Written by another provider than the one under test; what the real sops wrote is in
// fixtures.test.ts, and what it says of these files in writing.provisioned.test.ts.
const canHold: Record<string, (name: string) => boolean> = {
  yaml: () => true,
  json: () => true,
  env: (name) => !/[=\n]|^#|^sops_/.test(name),
  ini: (name) => !/\n|^[#;[]|^\s|\s$/.test(name),
};

describe.each(['yaml', 'json', 'env', 'ini'])('%s', (ending) => {
  const tests = conformanceTests({
    async create(values) {
      const { folder, remove } = await temporaryFolder();
      const path = join(folder, `secrets.${ending}`);
      const ageKeyFile = join(folder, 'keys.txt');
      await writeFile(ageKeyFile, keyText('one.txt'), { mode: 0o600 });
      await encryptSopsFile(path, values, { ageRecipients });
      const undo: (() => Promise<void>)[] = [];
      const close = async () => {
        for (const each of undo) await each();
        await remove();
      };
      const provider = sopsProvider({ path, ageKeyFile, environment: nowhere });
      const credentials = [secretOf('one.txt'), secretOf('two.txt')];
      return { provider, credentials, path, ageKeyFile, values, undo, close };
    },
    capabilities: { writes: 'store', conditionalWrites: true, bag: true, check: true },
    faults: {
      // Linux answers a read at the start of a process's memory with EIO.
      async unavailable({ path }) {
        await rm(path);
        await symlink('/proc/self/mem', path);
      },
      async denied({ path, undo }) {
        undo.push(await deny(path));
      },
      async unauthenticated({ ageKeyFile }) {
        await writeFile(ageKeyFile, keyText('two.txt'));
      },
      async invalid({ path }) {
        const text = await readFile(path, 'utf8');
        await writeFile(
          path,
          text.replace(/data:(.)/, (_, char) => `data:${char === 'A' ? 'B' : 'A'}`),
        );
      },
      missingDocument: ({ path }) => rm(path),
      stalled: 'impossible',
      http: 'impossible',
      oneName: 'impossible',
    },
    async change({ path, ageKeyFile }, changes) {
      const reader = sopsProvider({ path, ageKeyFile, environment: nowhere });
      const values = new Map(Object.entries(valuesOf(await reader.read('all', context()))));
      for (const [name, value] of changes)
        if (value === null) values.delete(name);
        else values.set(name, value);
      await encryptSopsFile(path, values, { ageRecipients });
    },
    async recover({ path, values }) {
      await rm(path);
      await encryptSopsFile(path, values, { ageRecipients });
    },
    canHold: (name) => canHold[ending]?.(name) ?? false,
    hostileNames: [
      'sops_',
      'a.b.c',
      'dot.ted.more',
      '<<',
      '? x',
      '- x',
      '{x',
      '&x',
      '*x',
      '!x',
      'null',
      '017',
    ],
  });
  for (const { name, run } of tests) test(name, run);
});
