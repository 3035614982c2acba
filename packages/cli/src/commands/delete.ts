/**
 * `keyfall delete NAME`: out of the provider that writes go to; says who holds it still.
 */
import { assertIsSecretName } from '../chain/bootstrap-settings.ts';
import { type SettingsOptions, withChain } from '../chain/settings.ts';
import { withSuggestion } from '../terminal/near-names.ts';
import { listNames, notice, printable, report } from '../terminal/terminal.ts';
import { waitingFor } from '../terminal/waiting.ts';

/** Deletes `name`; 1 if the provider that was written to did not hold it. */
export async function deleteCommand(name: string, options: SettingsOptions): Promise<number> {
  assertIsSecretName(name);
  return withChain(options, async ({ secrets, label }) => {
    // what nobody holds, or nobody could be asked for, is an error
    await waitingFor('reading', () => withSuggestion(secrets, name, () => secrets.get(name)));
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
      notice(
        `nobody knows whether ${listNames(unknown.map(label))} ${unknown.length === 1 ? 'holds it: it' : 'hold it: they'} could not be asked.`,
      );
    return held ? 0 : 1;
  });
}
