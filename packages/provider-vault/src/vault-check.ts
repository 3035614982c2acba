/**
 * What `status` and `doctor` show of a Vault: from the address to the policy, each with its mend.
 */
import { isSecretError, type ProviderCheck, type ReadContext } from '@keyfall/core';
import type { KvDocumentStore } from './kv-document.ts';
import type { VaultClient } from './vault-client.ts';
import { verdictOf } from './vault-errors.ts';
import type { VaultSettings } from './vault-settings.ts';

/** Looks at the server and at what the token may do. Does not throw for what it is there to find. */
export async function checkVault(
  settings: VaultSettings,
  client: VaultClient,
  document: KvDocumentStore,
  context: ReadContext,
): Promise<readonly ProviderCheck[]> {
  const checks = [await checkServer(settings, client, context)];
  // a server that is not there or sealed has nothing to say about the rest
  if (checks[0]?.state === 'failing') return checks;
  checks.push(await checkToken(client, context));
  if (checks[1]?.state === 'failing') return checks;
  checks.push(await checkMount(client, document, context));
  if (checks[2]?.state === 'failing') return checks;
  checks.push(await checkPolicy(client, document, context));
  checks.push(await checkDocument(client, document, context));
  return checks;
}

/** The line for an error that was thrown where something was looked at. */
function failing(subject: string, error: unknown): ProviderCheck {
  if (!isSecretError(error))
    return { subject, state: 'failing', message: 'could not be looked at' };
  const { reason, hint } = error;
  return {
    subject,
    state: 'failing',
    message: reason,
    ...(hint === undefined ? {} : { mend: hint }),
  };
}

async function checkServer(
  settings: VaultSettings,
  client: VaultClient,
  context: ReadContext,
): Promise<ProviderCheck> {
  const subject = 'server';
  try {
    const result = await client.probe(
      {
        verb: 'read',
        path: 'sys/health?standbyok=true&perfstandbyok=true&sealedcode=200&uninitcode=200',
        anonymous: true,
      },
      context,
    );
    const verdict = verdictOf(result, client.subject);
    if (verdict.kind === 'error') return failing(subject, verdict.error);
    if (result.kind !== 'answer' || typeof result.body?.['sealed'] !== 'boolean')
      return {
        subject,
        state: 'unknown',
        message: `${client.subject.origin} does not tell its health`,
      };
    const { initialized, sealed, version } = result.body;
    if (initialized === false)
      return {
        subject,
        state: 'failing',
        message: 'is not initialised',
        mend: 'bao operator init',
      };
    if (sealed === true)
      return { subject, state: 'failing', message: 'is sealed', mend: 'bao operator unseal' };
    const release = typeof version === 'string' && /^[\w.+-]{1,40}$/.test(version) ? version : '?';
    const unchecked = settings.address.secure && settings.tls.skipVerify;
    return {
      subject,
      state: 'ready',
      message: `${client.subject.origin} answers (version ${release})${unchecked ? ', its certificate is not checked' : ''}`,
      ...(unchecked ? { mend: 'Unset VAULT_SKIP_VERIFY and give VAULT_CACERT.' } : {}),
    };
  } catch (error) {
    return failing(subject, error);
  }
}

async function checkToken(client: VaultClient, context: ReadContext): Promise<ProviderCheck> {
  const subject = 'token';
  try {
    const outcome = await client.ask({ verb: 'read', path: 'auth/token/lookup-self' }, context);
    const data =
      outcome.kind === 'ok' ? (outcome.answer.body?.['data'] as TokenFacts | null) : null;
    if (typeof data?.ttl !== 'number')
      return { subject, state: 'unknown', message: 'is accepted, its lifetime is not told' };
    const uses =
      typeof data.num_uses === 'number' && data.num_uses > 0 ? `, ${data.num_uses} uses left` : '';
    return {
      subject,
      state: 'ready',
      message: data.ttl === 0 ? `does not expire${uses}` : `expires in ${data.ttl} s${uses}`,
    };
  } catch (error) {
    // a token without the default policy may not look itself up, and may well read its secrets
    if (isSecretError(error, 'ERR_SECRET_DENIED'))
      return { subject, state: 'unknown', message: 'is accepted, but may not look itself up' };
    return failing(subject, error);
  }
}

interface TokenFacts {
  readonly ttl?: unknown;
  readonly num_uses?: unknown;
}

async function checkMount(
  client: VaultClient,
  document: KvDocumentStore,
  context: ReadContext,
): Promise<ProviderCheck> {
  const subject = 'mount';
  try {
    const version = await document.version(context);
    return { subject, state: 'ready', message: `${client.subject.mount} is KV version ${version}` };
  } catch (error) {
    return failing(subject, error);
  }
}

async function checkPolicy(
  client: VaultClient,
  document: KvDocumentStore,
  context: ReadContext,
): Promise<ProviderCheck> {
  const subject = 'policy';
  try {
    const path = await document.readPath(context);
    const outcome = await client.ask(
      { verb: 'write', path: 'sys/capabilities-self', body: JSON.stringify({ paths: [path] }) },
      context,
    );
    const data =
      outcome.kind === 'ok' ? (outcome.answer.body?.['data'] as Record<string, unknown>) : {};
    const told = data?.[path];
    if (!Array.isArray(told))
      return {
        subject,
        state: 'unknown',
        message: 'the server does not tell what the token may do',
      };
    const capabilities = told.filter((one) => /^[a-z]{1,20}$/.test(String(one)));
    const message = `the token may ${capabilities.join(', ')} on ${path}`;
    const reads = capabilities.includes('read') || capabilities.includes('root');
    if (reads) return { subject, state: 'ready', message };
    return {
      subject,
      state: 'failing',
      message: `the token may not read ${path}`,
      mend: `path "${path}" { capabilities = ["read"] }`,
    };
  } catch (error) {
    if (isSecretError(error, 'ERR_SECRET_DENIED'))
      return { subject, state: 'unknown', message: 'the token may not ask what it may do' };
    return failing(subject, error);
  }
}

async function checkDocument(
  client: VaultClient,
  document: KvDocumentStore,
  context: ReadContext,
): Promise<ProviderCheck> {
  const subject = 'document';
  const { place } = client.subject;
  try {
    const { exists, members, version } = await document.read(context);
    if (!exists)
      return {
        subject,
        state: 'failing',
        message: `nothing is at ${place}`,
        mend: 'Check the path (variable VAULT_SECRET_PATH), or write it: keyfall migrate',
      };
    const at = version === undefined ? '' : ` at version ${version}`;
    return { subject, state: 'ready', message: `${place} has ${members.size} names${at}` };
  } catch (error) {
    return failing(subject, error);
  }
}
