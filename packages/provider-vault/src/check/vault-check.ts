/**
 * What `status` and `doctor` show of a Vault: from the address to the policy, each with what to do. What
 * cannot be reached has nothing to say about what stands behind it, so the lines end at the first
 * of these that fails.
 */
import {
  isSecretError,
  nearNames,
  type ProviderCheck,
  type ReadContext,
  type SecretError,
} from '@keyfall/core/provider';
import { classify } from '../answers/classify-result.ts';
import type { AddressFault } from '../answers/error-kinds.ts';
import { type CertificateLife, certificateLife } from '../http/tls/certificate-life.ts';
import type { KvMount } from '../kv/kv-mount.ts';
import type { VaultClient } from '../session/vault-client.ts';
import type { ClientSettings } from '../settings/vault-settings.ts';
import { partOf } from '../wire/bounds.ts';
import type { VaultAddress } from '../wire/vault-wire.ts';
import { type CheckedVault, failing } from './check-lines.ts';
import { checkPath, checkRights, mountsSeen } from './kv-check.ts';
import { checkNodes } from './node-check.ts';

/** Clocks that differ by more make life times wrong. Milliseconds. */
const largestSkew = 60_000;

const day = 86_400_000;

/** Looks at the server and at what the token may do. Does not throw for what it is there to find. */
export async function checkVault(
  vault: CheckedVault,
  context: ReadContext,
): Promise<readonly ProviderCheck[]> {
  const { settings, client, mount, documents } = vault;
  const checks = [...(await checkServer(settings, client, context))];
  if (checks.at(-1)?.state === 'failing') return checks;
  const isRoot = checks.some(({ code }) => code === 'token-of-root');
  const mountLine = await checkMount(client, mount, context, isRoot);
  checks.push(mountLine);
  if (mountLine.state === 'failing') return checks;
  for (const position of documents.keys())
    checks.push(
      ...(await checkRights(vault, position, context)),
      await checkPath(vault, position, context),
    );
  return checks;
}

/** From the address to the token. Where the last line fails, nothing can be said of what is behind it. */
export async function checkServer(
  settings: ClientSettings,
  client: VaultClient,
  context: ReadContext,
): Promise<readonly ProviderCheck[]> {
  const { lines, usable } = await checkNodes(settings, client, context);
  const origin = usable?.origin ?? client.subject.origin;
  // a line that the server is silent has to come before the time is over
  const health = await askHealth(client, partOf(context, 2), usable);
  if ('error' in health)
    return [
      ...lines,
      { ...failing('address', health.error, health.fault), facts: { address: origin } },
    ];
  const checks = [...lines, addressLine(settings, origin, health)];
  if (settings.address.secure && !settings.tls.skipVerify)
    checks.push(lifeLine(await certificateLife(settings, context)));
  const seal = sealLine(health);
  checks.push(seal);
  if (seal.state !== 'failing')
    checks.push(clockLine(health), await checkToken(settings, client, context));
  return checks;
}

/** What `sys/health` said. Everything is `undefined` where something in between hides it. */
interface Health {
  readonly initialized?: unknown;
  readonly sealed?: unknown;
  readonly version?: unknown;
  readonly server_time_utc?: unknown;
  /** Our own clock halfway between question and answer, in milliseconds since the epoch. */
  readonly askedAt: number;
}

async function askHealth(
  client: VaultClient,
  context: ReadContext,
  node: VaultAddress | undefined,
): Promise<Health | { readonly error: SecretError; readonly fault?: AddressFault | undefined }> {
  const before = Date.now();
  try {
    const result = await client.probe(
      {
        verb: 'read',
        path: 'sys/health?standbyok=true&perfstandbyok=true&sealedcode=200&uninitcode=200',
        anonymous: true,
        ...(node && { node }),
      },
      context,
    );
    const found = classify(result, client.subject);
    if (found.kind === 'error') return found;
    const body = result.kind === 'answer' ? result.body : undefined;
    return { ...body, askedAt: (before + Date.now()) / 2 };
  } catch (error) {
    if (isSecretError(error)) return { error };
    throw error;
  }
}

/** How OpenBao and HashiCorp Vault call a release: anything else in its place may be what they were sent. */
const releaseName =
  /^\d{1,3}(?:\.\d{1,3}){2}(?:-(?:alpha|beta|rc|dev|nightly)\.?\d{0,8})?(?:\+ent(?:\.hsm)?(?:\.fips1\d{4})?)?$/;

function addressLine(
  { address, tls }: ClientSettings,
  origin: string,
  { version, sealed }: Health,
): ProviderCheck {
  const subject = 'address';
  if (typeof sealed !== 'boolean')
    return { subject, state: 'unknown', message: `${origin} does not tell its health` };
  const release = typeof version === 'string' && releaseName.test(version) ? version : '?';
  const message = `${origin} answers (version ${release})`;
  if (!address.secure || !tls.skipVerify) return { subject, state: 'ready', message };
  return {
    subject,
    state: 'ready',
    message: `${message}, its certificate is not checked`,
    hint: 'Leave the option tls.skipVerify (variable VAULT_SKIP_VERIFY) out, and give tls.ca (VAULT_CACERT).',
    code: 'certificate-unchecked',
  };
}

/** It is trusted, or the health would not have been answered. */
function lifeLine(life: CertificateLife | undefined): ProviderCheck {
  const subject = 'certificate';
  if (life === undefined)
    return { subject, state: 'unknown', message: 'is trusted; how long it is valid is unknown' };
  const left = life.to - Date.now();
  const message = `is trusted, and valid until ${new Date(life.to).toISOString()}`;
  // a short-lived one is renewed by a machine, late in its life: only the last sixth is late
  if (left > Math.min(14 * day, (life.to - life.from) / 6))
    return { subject, state: 'ready', message };
  return {
    subject,
    state: 'failing',
    message: `${message}: that is soon`,
    hint: 'Renew the certificate of the server, and have the server read it (SIGHUP).',
    code: 'certificate-ends-soon',
  };
}

function sealLine({ initialized, sealed }: Health): ProviderCheck {
  const subject = 'seal';
  if (initialized === false)
    return {
      subject,
      state: 'failing',
      message: 'is not initialised',
      hint: 'bao operator init',
      code: 'not-initialised',
    };
  if (sealed === true)
    return {
      subject,
      state: 'failing',
      message: 'is sealed',
      hint: 'bao operator unseal',
      code: 'sealed',
    };
  return sealed === false
    ? { subject, state: 'ready', message: 'is unsealed' }
    : { subject, state: 'unknown', message: 'is unknown' };
}

function clockLine({ server_time_utc: seconds, askedAt }: Health): ProviderCheck {
  const subject = 'clock';
  if (typeof seconds !== 'number')
    return { subject, state: 'unknown', message: 'the server does not say its time' };
  // whole seconds, cut off
  const ahead = Math.round((seconds * 1_000 + 500 - askedAt) / 1_000);
  if (Math.abs(ahead) * 1_000 <= largestSkew)
    return { subject, state: 'ready', message: "agrees with the server's" };
  return {
    subject,
    state: 'failing',
    message: `the server's is ${duration(Math.abs(ahead))} ${ahead > 0 ? 'ahead of' : 'behind'} this machine's`,
    hint: 'Set both by NTP: timedatectl set-ntp true',
    code: 'clocks-differ',
  };
}

async function checkToken(
  { token }: ClientSettings,
  client: VaultClient,
  context: ReadContext,
): Promise<ProviderCheck> {
  const subject = 'token';
  try {
    const outcome = await client.ask({ verb: 'read', path: 'auth/token/lookup-self' }, context);
    const data =
      outcome.kind === 'ok' ? (outcome.answer.body?.['data'] as TokenFacts | null) : null;
    if (typeof data?.ttl !== 'number')
      return { subject, state: 'unknown', message: 'is accepted; its lifetime is unknown' };
    const policies = [data.policies ?? [], data.identity_policies ?? []].flat();
    // whole seconds are sent, so a token in its last one has 0 as well
    const isEternal = data.ttl === 0 && data.expire_time == null;
    const life = isEternal
      ? 'does not expire'
      : `expires in ${duration(data.ttl)}${data.renewable === true ? ', can be renewed' : ''}`;
    const { num_uses: left } = data;
    const uses = typeof left === 'number' && left > 0 ? `, ${left} uses left` : '';
    const named = policies.filter((name) => /^[\w./ -]{1,100}$/.test(String(name)));
    const message = `${life}${uses}; policies: ${named.join(', ') || 'none'}`;
    if (
      !isEternal &&
      endsSoon(data.ttl, data) &&
      (token.kind === 'text' || token.kind === 'function')
    )
      return {
        subject,
        state: 'failing',
        message: `${message}: that is soon, and nothing renews it`,
        hint: 'Log in again and set VAULT_TOKEN, or give the option auth, whose tokens are replaced in time.',
        code: 'token-ends-soon',
      };
    return {
      subject,
      state: 'ready',
      message,
      ...(policies.includes('root') && {
        hint: 'It may do everything. Give the application a token with a policy of its own.',
        code: 'token-of-root',
      }),
    };
  } catch (error) {
    // a token without the default policy may not look itself up, and may well read its secrets
    if (isSecretError(error, 'ERR_SECRET_DENIED'))
      return { subject, state: 'unknown', message: 'is accepted, but may not look itself up' };
    const isRejected = isSecretError(error, 'ERR_SECRET_UNAUTHENTICATED');
    // what a login is refused for is corrected at the login
    return failing(
      subject,
      error,
      isRejected && token.kind !== 'login' ? 'token-rejected' : undefined,
    );
  }
}

/** Seconds. A token for a short job is not called short while it is young: only its last sixth is late. */
function endsSoon(left: number, { creation_ttl: whole, renewable }: TokenFacts): boolean {
  if (renewable === true || typeof whole !== 'number') return false;
  return left <= Math.min(day / 1_000, whole / 6);
}

interface TokenFacts {
  readonly ttl?: unknown;
  readonly creation_ttl?: unknown;
  readonly expire_time?: unknown;
  readonly num_uses?: unknown;
  readonly renewable?: unknown;
  readonly policies?: readonly unknown[];
  readonly identity_policies?: readonly unknown[];
}

/** Seconds in the largest unit that they fill twice. */
function duration(seconds: number): string {
  const units = [
    [86_400, 'days'],
    [3_600, 'hours'],
    [60, 'minutes'],
  ] as const;
  for (const [length, unit] of units)
    if (seconds >= 2 * length) return `${Math.floor(seconds / length)} ${unit}`;
  return `${seconds} s`;
}

async function checkMount(
  client: VaultClient,
  mount: KvMount,
  context: ReadContext,
  isRoot: boolean,
): Promise<ProviderCheck> {
  const subject = 'mount';
  const { mount: given, place } = client.subject;
  try {
    const { version } = await mount.engine(context);
    try {
      await mount.confirm(context);
    } catch (error) {
      return failing(subject, error, 'kv-version-wrong');
    }
    return { subject, state: 'ready', message: `${given} is KV version ${version}` };
  } catch (error) {
    const code = isSecretError(error, 'ERR_SECRET_DENIED')
      ? 'mount-denied'
      : isSecretError(error, 'ERR_SECRET_CONFIG')
        ? 'mount-wrong'
        : undefined;
    const check: ProviderCheck =
      isRoot && code === 'mount-denied'
        ? // nothing is denied to it: a server says so of a mount that there is not, too
          {
            subject,
            state: 'failing',
            message: `there is no mount ${given}`,
            hint: 'Check the option mount (variable VAULT_MOUNT_POINT).',
            code: 'mount-wrong',
          }
        : failing(subject, error, code);
    const seen = await mountsSeen(client, context);
    if (seen.length === 0) return { ...check, facts: { mount: given, place } };
    const [meant] = seen.length === 1 ? seen : nearNames(given, seen);
    const isSeen = seen.some((name) => name === given);
    return {
      ...check,
      hint: `${check.hint ?? ''} The token sees the KV mounts ${seen.join(', ')}.`.trim(),
      facts: { mount: given, place, ...(!isSeen && meant !== undefined && { meant }) },
    };
  }
}
