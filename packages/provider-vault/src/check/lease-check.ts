/**
 * What `status` and `doctor` show of dynamic secrets: the server, the credentials at hand, and what the
 * token may do about them. Nothing is made for it.
 */
import { isSecretError, type ProviderCheck, type ReadContext } from '@keyfall/core/provider';
import type { LeaseSource } from '../leases/lease-requests.ts';
import type { VaultClient } from '../session/vault-client.ts';
import type { ClientSettings } from '../settings/vault-settings.ts';
import { spanOf } from '../wire/time.ts';
import { failing, mayNotAsk, rule } from './check-lines.ts';
import { checkServer } from './vault-check.ts';

/** Looks at the server and at what the token may do. Does not throw for what it is there to find. */
export async function checkLeases(
  settings: ClientSettings,
  client: VaultClient,
  source: LeaseSource,
  /** Milliseconds that the credentials at hand are good for, if there are any. */
  left: number | undefined,
  context: ReadContext,
): Promise<readonly ProviderCheck[]> {
  const checks = await checkServer(settings, client, context);
  if (checks.at(-1)?.state === 'failing') return checks;
  const { path } = source;
  return [...checks, ...(await checkRights(client, source, context)), leaseLine(path, left)];
}

function leaseLine(path: string, left: number | undefined): ProviderCheck {
  const subject = 'lease';
  if (left === undefined)
    return {
      subject,
      state: 'unknown',
      message: `no credentials of ${path} were asked for yet`,
      code: 'no-credentials-yet',
    };
  return left > 0
    ? {
        subject,
        state: 'ready',
        message: `the credentials of ${path} are good for ${spanOf(left)}`,
      }
    : {
        subject,
        state: 'failing',
        message: `the credentials of ${path} have ended`,
        code: 'credentials-ended',
      };
}

async function checkRights(
  client: VaultClient,
  { path, parameters }: LeaseSource,
  context: ReadContext,
): Promise<readonly ProviderCheck[]> {
  const subject = 'policy';
  const rights = [
    {
      on: path,
      need: parameters === undefined ? 'read' : 'update',
      what: 'have credentials made',
      code: 'may-not-make',
    },
    {
      on: 'sys/leases/renew',
      need: 'update',
      what: 'renew their lease',
      code: 'may-not-renew',
    },
    { on: 'sys/leases/revoke', need: 'update', what: 'revoke it', code: 'may-not-revoke' },
  ];
  try {
    const paths = rights.map(({ on }) => on);
    const outcome = await client.ask(
      { verb: 'write', path: 'sys/capabilities-self', body: JSON.stringify({ paths }) },
      context,
    );
    const granted = (outcome.kind === 'ok' ? outcome.answer.body?.['data'] : undefined) as
      | Readonly<Record<string, unknown>>
      | null
      | undefined;
    return rights.map(({ on, need, what, code }, position) => {
      const held = granted?.[on];
      if (!Array.isArray(held))
        return { subject, state: 'unknown', message: `whether the token may ${what} is unknown` };
      if (held.includes('root') || held.includes(need))
        return { subject, state: 'ready', message: `the token may ${what} (${on})` };
      return {
        subject,
        // without the others it works, at a price: a note of what it would take
        state: position === 0 ? 'failing' : 'unknown',
        message: `the token may not ${what} (${on})`,
        hint: rule(on, [need]),
        code,
        facts: { rule: rule(on, [need]) },
      };
    });
  } catch (error) {
    if (isSecretError(error, 'ERR_SECRET_DENIED')) return [mayNotAsk];
    return [failing(subject, error)];
  }
}
