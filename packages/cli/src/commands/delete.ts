/**
 * `keyfall delete NAME`: out of the provider that writes go to; says which others still hold it. The exit code is 1 if
 * that provider did not hold it.
 */
import { assertIsSecretName } from '../chain/bootstrap-settings.ts';
import { type SettingsOptions, withChain } from '../chain/settings.ts';
import { withSuggestion } from '../terminal/near-names.ts';
import { listNames, notice, printable, report } from '../terminal/terminal.ts';
import { waitingFor } from '../terminal/waiting.ts';
import type { Command } from './command.ts';

/** `keyfall delete NAME`. */
export const deleteCommand: Command<SettingsOptions> = {
  name: 'delete',
  summary: 'Delete a name from the provider that writes go to.',
  arguments: [{ name: '<name>' }],
  examples: ['keyfall delete SENTRY_DSN'],
  async run([name = ''], options) {
    assertIsSecretName(name);
    return withChain(options, async ({ secrets, label }) => {
      // a name that no provider holds, or that could not be looked for, is an error
      const look = () => secrets.get(name);
      const nothing = () => 'There is nothing to delete.';
      await waitingFor('reading', () => withSuggestion(secrets, name, look, nothing));
      const { attempts } = await waitingFor('reading', () => secrets.explain(name));
      const { provider, stillHeldBy, unknown } = await waitingFor('deleting', () =>
        secrets.delete(name),
      );
      const held = attempts.some((said) => said.provider === provider && said.outcome === 'held');
      (held ? report : notice)(
        held
          ? `deleted ${printable(name)} from ${label(provider)}.`
          : `${label(provider)} did not hold ${printable(name)}.`,
      );
      if (stillHeldBy.length > 0)
        notice(
          `${listNames(stillHeldBy.map(label))} still ${stillHeldBy.length === 1 ? 'holds' : 'hold'} it.`,
        );
      if (unknown.length > 0)
        notice(`${listNames(unknown.map(label))} could not be asked, and may still hold it.`);
      return held ? 0 : 1;
    });
  },
};
