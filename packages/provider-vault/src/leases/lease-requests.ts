/**
 * What a lease costs on the server: one request to have credentials made, one to renew, one to
 * revoke. The first is a GET or POST that is never sent twice once it may have arrived, since every
 * one makes another user.
 */
import { type ReadContext, SecretError } from '@keyfall/core/provider';
import type { SessionToken } from '../session/session-token.ts';
import type { VaultClient } from '../session/vault-client.ts';
import { jsonMembers } from '../wire/json-members.ts';
import { encodePath } from '../wire/vault-path.ts';
import type { WireAnswer } from '../wire/vault-wire.ts';

/** Credentials as the server made them, with the lease that they live by. */
export interface Credentials {
  /** The texts of the answer's `data`. A member that is `null` is left out: the engine has none. */
  readonly members: ReadonlyMap<string, string>;
  readonly leaseId: string;
  readonly renewable: boolean;
  /** Milliseconds from when they were made. */
  readonly duration: number;
  /** The token that they were made with: they end with it at the latest. */
  readonly token: SessionToken;
}

/** The three requests. Each rejects with a `SecretError` and nothing else. */
export interface LeaseRequests {
  /** Has new credentials made. `undefined`: the engine has nothing at this path. */
  make(context: ReadContext): Promise<Credentials | undefined>;
  /** The milliseconds that the lease has from now on; `undefined` if the server has it no more. */
  renew(leaseId: string, duration: number, context: ReadContext): Promise<number | undefined>;
  /** Ends the lease, and waits until the engine has undone what it made. Harmless if it has ended. */
  revoke(leaseId: string, context: ReadContext): Promise<void>;
}

/** What is asked for. */
export interface LeaseSource {
  /** `database/creds/shop` */
  readonly path: string;
  /** The body of a POST; left out: a GET. */
  readonly parameters: Readonly<Record<string, unknown>> | undefined;
}

export function leaseRequests(
  { path, parameters }: LeaseSource,
  client: VaultClient,
): LeaseRequests {
  const { provider, origin } = client.subject;
  const body = parameters && JSON.stringify(parameters);
  const capability = body === undefined ? 'read' : 'update';

  /** A refusal in the words of a path of an engine instead of a document's. */
  function explained(error: unknown): unknown {
    if (!(error instanceof SecretError)) return error;
    const { code, storeStatus: status, requestId } = error;
    const configError = (reason: string, hint: string, option = 'path') =>
      new SecretError('ERR_SECRET_CONFIG', reason, {
        provider,
        storeStatus: status,
        requestId,
        hint,
        setting: { option },
      });
    if (status === 404 && code === 'ERR_SECRET_CONFIG')
      return configError(
        `${origin} has no such path as ${path}`,
        'Check the option path: the mount, the word of its engine and the role. Check the namespace, too.',
      );
    if (status === 405)
      return configError(
        `${path} does not take a ${body === undefined ? 'GET' : 'POST'}`,
        body === undefined
          ? 'Give the option parameters, if only as {}: it makes a POST.'
          : 'Leave the option parameters out: that makes a GET.',
        'parameters',
      );
    if (status === 400 && code === 'ERR_SECRET_INVALID')
      return configError(
        `${origin} refused to make credentials at ${path} (status 400)`,
        'Check the role at the end of the option path, the option parameters, and that the token has uses left.',
      );
    return error;
  }

  return {
    async make(context) {
      const request = {
        path: encodePath(path),
        ifDenied: `Its policy needs the capability "${capability}" on ${path}.`,
      };
      const outcome = await client
        .ask(
          body === undefined
            ? { ...request, verb: 'read', notIdempotent: true }
            : { ...request, verb: 'write', body },
          context,
        )
        .catch((error: unknown) => {
          throw explained(error);
        });
      if (outcome.kind === 'missing') return undefined;
      if (outcome.kind === 'unknown') {
        // a server that says that its engine failed has made none
        const hasFailed = outcome.isVaults && outcome.error.storeStatus === 500;
        if (!hasFailed)
          context.warn(
            `${origin} may have made credentials at ${path} that were lost: they end with their lease`,
          );
        throw outcome.error;
      }
      if (outcome.kind === 'conflict') throw notALease(provider, path);
      return { ...credentialsOf(outcome.answer, provider, path), token: outcome.token };
    },

    async renew(leaseId, duration, context) {
      try {
        const outcome = await client.ask(
          {
            verb: 'write',
            path: 'sys/leases/renew',
            place: 'sys/leases/renew',
            body: JSON.stringify({
              lease_id: leaseId,
              increment: Math.max(1, Math.round(duration / 1_000)),
            }),
            ifDenied: 'Its policy needs the capability "update" on sys/leases/renew.',
          },
          context,
        );
        if (outcome.kind === 'unknown') throw outcome.error;
        if (outcome.kind !== 'ok') return undefined;
        const seconds = outcome.answer.body?.['lease_duration'];
        return typeof seconds === 'number' && seconds > 0 ? seconds * 1_000 : undefined;
      } catch (error) {
        // the server's "lease not found"
        if (error instanceof SecretError && error.storeStatus === 400) return undefined;
        throw error;
      }
    },

    async revoke(leaseId, context) {
      const outcome = await client.ask(
        {
          verb: 'write',
          path: 'sys/leases/revoke',
          place: 'sys/leases/revoke',
          body: JSON.stringify({ lease_id: leaseId, sync: true }),
          ifDenied: 'Its policy needs the capability "update" on sys/leases/revoke.',
        },
        context,
      );
      if (outcome.kind === 'unknown') throw outcome.error;
    },
  };
}

function credentialsOf(
  answer: WireAnswer,
  provider: string,
  path: string,
): Omit<Credentials, 'token'> {
  const { lease_id: id, lease_duration: seconds, renewable } = answer.body ?? {};
  const data = jsonMembers(jsonMembers(answer.text)?.get('data') ?? '');
  if (typeof id !== 'string' || id === '' || typeof seconds !== 'number' || !data)
    throw notALease(provider, path);
  if (seconds <= 0)
    throw new SecretError('ERR_SECRET_INVALID', `the lease of ${path} has no length`, { provider });
  const members = new Map<string, string>();
  for (const [name, text] of data)
    if (text !== 'null') members.set(name, text.startsWith('"') ? JSON.parse(text) : text);
  return { members, leaseId: id, renewable: renewable === true, duration: seconds * 1_000 };
}

function notALease(provider: string, path: string): SecretError {
  return new SecretError('ERR_SECRET_CONFIG', `${path} answers without a lease`, {
    provider,
    setting: { option: 'path' },
    hint: 'Only what an engine makes for a while is a dynamic secret: read a document with vaultProvider.',
  });
}
