import { conformanceTests } from '@keyfall/testkit';
import { test } from 'vitest';
import { dopplerProvider } from '../src/index.ts';
import { startDoppler, status } from './doppler-stub.ts';

const tests = conformanceTests({
  async create(values) {
    const doppler = await startDoppler(values);
    const { token, address } = doppler;
    const provider = dopplerProvider({ token, address });
    return { provider, doppler, credentials: [token], close: () => doppler.close() };
  },
  capabilities: { writes: 'store', bag: true, writesMakeDocument: false, check: true },
  faults: {
    unavailable: async ({ doppler }) =>
      doppler.line.set({ kind: 'cut', after: 0, how: 'reset' as const }),
    stalled: async ({ doppler }) => doppler.line.set({ kind: 'dark' }),
    denied: async ({ doppler }) => {
      doppler.instead = status(403, 'This token does not have access to requested config');
    },
    unauthenticated: async ({ doppler }) => doppler.revoke(),
    invalid: async ({ doppler }) => {
      doppler.instead = (response) => response.end('{"ALPHA":"');
    },
    missingDocument: async ({ doppler }) => doppler.removeConfig(),
    http: async ({ doppler }, { status, headers, body }) => {
      doppler.instead = (response) => response.writeHead(status, headers).end(body);
    },
    oneName: 'impossible',
  },
  recover: async ({ doppler }) => doppler.line.set({ kind: 'pass' }),
  async change({ doppler }, changes) {
    for (const [name, value] of changes)
      if (value === null) doppler.values.delete(name);
      else doppler.values.set(name, value);
  },
  canHold: (name, value) =>
    /^[A-Z_][A-Z0-9_]{0,199}$/.test(name) && !/\p{Surrogate}/u.test(value) && !value.includes('${'),
});

for (const { name, run } of tests) test(name, run);
