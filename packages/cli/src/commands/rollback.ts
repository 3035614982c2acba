/**
 * `keyfall rollback NAME --to VERSION`: what an earlier version held becomes the newest one. The
 * versions in between stay in the history.
 */
import { isSecretError, SecretError } from '@keyfall/core';
import { labelOf, type WriteReceipt } from '@keyfall/core/provider';
import { assertIsSecretName } from '../chain/bootstrap-settings.ts';
import { oneCall } from '../chain/one-call.ts';
import { openProvider, unlimited } from '../chain/one-provider.ts';
import { type SettingsOptions, withChain } from '../chain/settings.ts';
import { withSuggestion } from '../terminal/near-names.ts';
import { quoted } from '../terminal/shown-command.ts';
import { notice, printable, report } from '../terminal/terminal.ts';
import { waitingFor } from '../terminal/waiting.ts';
import type { Command } from './command.ts';
import { providerWithHistory } from './history.ts';

/** `keyfall rollback NAME --to VERSION`. */
export const rollbackCommand: Command<SettingsOptions & { readonly to: string }> = {
  name: 'rollback',
  summary: 'Store again what an earlier version held under a name.',
  arguments: [{ name: '<name>' }],
  options: [
    {
      flags: '--to <version>',
      description: 'the version, as `keyfall history` shows it',
      isRequired: true,
    },
  ],
  examples: ['keyfall rollback TOKEN --to 3'],
  run: ([name = ''], { to, ...options }) => rollBackTo(name, to, options),
};

/**
 * Writes what version `to` held under `name`, on the condition that no other write comes in between. Other
 * names of the document keep what they have.
 *
 * @throws `ERR_SECRET_NOT_FOUND` if that version does not hold it; `ERR_SECRET_CONFLICT` if another
 *   write came in between; `ERR_SECRET_UNSUPPORTED` if no provider keeps versions and can write
 */
async function rollBackTo(name: string, to: string, options: SettingsOptions): Promise<number> {
  assertIsSecretName(name);
  return withChain(options, async ({ secrets, ...chain }) => {
    const provider = providerWithHistory({ secrets, ...chain });
    const label = labelOf(provider.name, provider.store);
    const { write, readVersion } = provider;
    if (write === undefined || readVersion === undefined)
      throw new SecretError('ERR_SECRET_UNSUPPORTED', `${label} gives no earlier version back`, {
        provider: provider.name,
      });
    const rollBack = async (): Promise<WriteReceipt | undefined> => {
      const before = await oneCall(provider, (context) => provider.read([name], context));
      const old = await oneCall(provider, (context) =>
        readVersion.call(provider, name, to, context),
      );
      if (old === undefined)
        throw new SecretError(
          'ERR_SECRET_NOT_FOUND',
          `version ${printable(to)} of ${label} does not hold ${printable(name)}`,
          { hint: `\`keyfall history ${quoted(printable(name))}\` shows which do.` },
        );
      const now = before.entries.get(name);
      if (now !== undefined && !isSecretError(now) && now.value === old.value) return undefined;
      const { revision } = before;
      const changes = {
        entries: new Map([[name, old.value]]),
        ...(revision !== undefined && { ifRevision: revision }),
      };
      // through a chain, whose error says what became of the write
      return openProvider(provider, 10_000).asProvider().write?.(changes, unlimited());
    };
    const done = await waitingFor(`asking ${provider.name}`, () =>
      withSuggestion(secrets, name, rollBack),
    );
    if (done === undefined) {
      report(`${printable(name)} is as version ${printable(to)} has it: nothing changed.`);
      return 0;
    }
    const made = done.version === undefined ? '' : `, as version ${done.version}`;
    report(`${printable(name)} is again what version ${printable(to)} of ${label} held${made}.`);
    const { provider: answering } = await waitingFor('asking each provider', () =>
      secrets.explain(name),
    );
    if (answering !== undefined && answering !== provider.name)
      notice(
        `${printable(name)} still comes from ${chain.label(answering)}, which is asked first.`,
      );
    return 0;
  });
}
