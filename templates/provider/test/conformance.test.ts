/** The contract's rules. What the store cannot do or show is declared here, never skipped. */
import { conformanceTests } from '@keyfall/testkit';
import { test } from 'vitest';
import { __camel__Provider } from '../src/index.ts';
import { startStore } from './store.ts';

const tests = conformanceTests({
  async create(values) {
    const store = await startStore(values);
    const { address, token } = store;
    const provider = __camel__Provider({ address, token });
    return { provider, store, credentials: [token], close: () => store.stop() };
  },
  async change({ store }, changes) {
    for (const [name, value] of changes)
      if (value === null) store.values.delete(name);
      else store.values.set(name, value);
  },
  capabilities: { writes: 'none', bag: true },
  faults: {
    unavailable: ({ store }) => store.stop(),
    stalled: async ({ store }) => store.answer(() => {}),
    denied: async ({ store }) => store.answer((response) => response.writeHead(403).end()),
    unauthenticated: async ({ store }) => store.forgetToken(),
    invalid: async ({ store }) => store.answer((response) => response.end('{"ALPHA":"')),
    http: async ({ store }, { status, headers, body }) =>
      store.answer((response) => response.writeHead(status, headers).end(body)),
    oneName: {
      denied: 'impossible', // one answer holds all names
      unavailable: 'impossible',
      invalid: async ({ store }, name) => void store.values.set(name, 8080),
    },
    missingDocument: async ({ store }) => store.answer((response) => response.writeHead(404).end()),
  },
  recover: ({ store }) => store.start(),
});

for (const { name, run } of tests) test(name, run);
