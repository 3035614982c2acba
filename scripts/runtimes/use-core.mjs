// Core as an application loads it: by the runtime itself, from what is published. vitest hides what a
// runtime cannot load, since it compiles the sources for it.
import assert from 'node:assert/strict';
import './right-runtime.mjs';
import {
  createSecrets,
  isSecretError,
  memoryProvider,
} from '../../packages/core/dist/esm/index.js';

const secrets = createSecrets({ providers: [memoryProvider({ TOKEN: 'value' })] });
assert.equal(await secrets.get('TOKEN'), 'value');
const error = await secrets.get('NOBODY').catch((thrown) => thrown);
assert.ok(isSecretError(error, 'ERR_SECRET_NOT_FOUND'));
await secrets.close();
