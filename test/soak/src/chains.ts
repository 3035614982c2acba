/**
 * The chains that the processes of a soak read, with all that they announce reported.
 */
import { type Clock, createSecrets, isSecretError, type Secrets, systemClock } from '@keyfall/core';
import { dotenvProvider } from '@keyfall/provider-dotenv';
import { sopsProvider } from '@keyfall/provider-sops';
import { appRoleAuth, vaultProvider } from '@keyfall/provider-vault';
import { leaksOf } from '@keyfall/testkit';
import { digestOf, now, type ReaderSettings, type Report } from './messages.ts';
import type { Observation, Way } from './oracle.ts';

/** Chains that are read and listened to. */
export interface ListenedChains {
  /** The whole chain. */
  readonly open: Secrets;
  /** One whose first store refuses everything. */
  readonly refused: Secrets;
  /** Reads, and reports what came of it. */
  observe(
    chain: string,
    way: Way,
    name: string,
    read: () => Promise<string | undefined>,
  ): Promise<Observation>;
  /** Reports what was read at once. */
  seen(chain: string, way: Way, name: string, began: number, value: string): void;
  /** Looks for a value or a credential in what something would show. */
  search(where: string, subject: unknown): void;
  /** How many answers there were. */
  readonly gets: number;
}

/**
 * @param report - is given what is to be judged, in the order of time
 * @param leaked - is told where a value or a credential showed
 * @param stepped - by how many milliseconds the wall clock is set, at this moment
 */
export function listenedChains(
  settings: ReaderSettings,
  report: (report: Report) => void,
  leaked: (where: string) => void,
  stepped: () => number = () => 0,
): ListenedChains {
  const { id, address, mount, path, forbiddenPath, roleId, secretId, ttl, staleIfError } = settings;
  const clock: Clock = { ...systemClock, wall: () => systemClock.wall() + stepped() };
  const auth = () =>
    appRoleAuth({
      roleId,
      ...(settings.task === 'wrapped' ? { wrappedSecretId: secretId } : { secretId }),
    });
  const vault = (of: string) =>
    vaultProvider({ address, mount, path: of, env: {}, auth: auth(), clock });
  const { sopsFile, ageKeyFile, dotenvFile, names, plant } = settings;
  const dotenv = () => dotenvProvider({ path: dotenvFile });
  const open = createSecrets({
    name: id,
    providers: [vault(path), sopsProvider({ path: sopsFile, ageKeyFile }), dotenv()],
    ...(plant !== 'bound-elsewhere' && { only: { [names.bound]: 'vault' } }),
    ttl,
    staleIfError,
    clock,
  });
  const onDenied = plant === 'denied-as-outage' ? 'next' : 'stop';
  const refused = createSecrets({
    name: `${id}-refused`,
    providers: [{ provider: vault(forbiddenPath), onDenied }, dotenv()],
    ttl,
    clock,
  });
  const searched = new Set<string>();
  let gets = 0;

  function search(where: string, subject: unknown): void {
    if (leaksOf([settings.marker, secretId], subject).length > 0) leaked(where);
  }
  /** An error or an event that says the same as one before is searched for once. */
  function searchOnce(where: string, subject: unknown, text: string): void {
    const said = text.replace(/\d+/g, '0');
    if (searched.has(said) || searched.size > 2_000) return;
    searched.add(said);
    search(where, subject);
  }

  for (const [chain, secrets] of Object.entries({ [id]: open, [`${id}-refused`]: refused }))
    for (const type of [
      'fallback',
      'recovered',
      'denied',
      'allowed',
      'failed',
      'refreshed',
      'changed',
      'rejected',
      'warning',
    ] as const)
      secrets.on(type, (event) => {
        searchOnce(`the event ${type}`, event, JSON.stringify(event));
        if (!('provider' in event) || type === 'refreshed' || type === 'changed') return;
        if (plant === 'silent-fallback' && type === 'fallback') return;
        const { provider } = event;
        const reason = 'reason' in event ? { reason: event.reason } : {};
        const detail = 'detail' in event ? { detail: event.detail } : {};
        report({
          kind: 'announced',
          chain,
          announcement: { at: now(), type, provider, ...reason, ...detail },
        });
      });

  return {
    open,
    refused,
    search,
    get gets() {
      return gets;
    },
    async observe(chain, way, name, read) {
      const began = now();
      gets += 1;
      let answer: { readonly digest: string | null } | { readonly code: string };
      try {
        const value = await read();
        answer = { digest: value === undefined ? null : digestOf(value) };
      } catch (error) {
        if (!isSecretError(error)) throw error;
        searchOnce(`the error of ${way}`, error, `${error.code} ${error.message}`);
        const isAbsent = error.code === 'ERR_SECRET_NOT_FOUND';
        answer = isAbsent ? { digest: null } : { code: error.code };
      }
      const observation = { way, name, began, ended: now(), ...answer };
      report({ kind: 'observed', chain, observation });
      return observation;
    },
    seen(chain, way, name, began, value) {
      gets += 1;
      const observation = { way, name, began, ended: now(), digest: digestOf(value) };
      report({ kind: 'observed', chain, observation });
    },
  };
}
