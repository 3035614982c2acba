// Keyfall reading a secret of Vault, as `peers/vault-clients.mjs` has it.
import { createSecrets } from '@keyfall/core';
import { dotenvProvider } from '@keyfall/provider-dotenv';
import { vaultProvider } from '@keyfall/provider-vault';

const providerOf = ({ address, token, mount, path }, more) =>
  vaultProvider({ address, token, mount, path, env: {}, ...more });

const context = () => ({
  signal: new AbortController().signal,
  remainingTimeout: () => 10_000,
  warn() {},
});

async function readBy(provider) {
  const { entries } = await provider.read('all', context());
  if (entries.get('NAME_7').value !== 'value 7' || entries.get('NAME_39').value !== 'value 39')
    throw new Error('nothing was read');
}

/** The provider alone: what the clients of others are. */
export function provider(settings) {
  const provider = providerOf(settings);
  return { operation: () => readBy(provider), close: () => provider.close() };
}

/** The provider over node-vault. */
export async function providerOverNodeVault(settings) {
  const { nodeVaultWire } = await import('@keyfall/provider-vault/node-vault');
  const provider = providerOf(settings, { wire: nodeVaultWire() });
  return { operation: () => readBy(provider), close: () => provider.close() };
}

/** A `get` of a chain that keeps nothing: time limits, circuit breaker, events and redaction on top. */
export function uncachedChain(settings) {
  const secrets = createSecrets({ providers: [providerOf(settings)], ttl: 0 });
  return {
    async operation() {
      if ((await secrets.get('NAME_7')) !== 'value 7') throw new Error('nothing was read');
    },
    close: () => secrets.close(),
  };
}

/** A chain that has a `.env` to fall back to: all its settings are the usual ones. */
export function chainWithFallback({ env, ...settings }) {
  const providers = [providerOf(settings), dotenvProvider({ path: env })];
  const secrets = createSecrets({ providers });
  secrets.on('fallback', () => {});
  return {
    async operation() {
      if ((await secrets.get('NAME_7')) !== 'value 7') throw new Error('nothing was read');
    },
    close: () => secrets.close(),
  };
}
