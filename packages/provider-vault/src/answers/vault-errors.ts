/**
 * What an answer of Vault means. A status alone says little: a 404 is one of four things, a 403 one
 * of two, and a 500 may be for ever. The texts compared with are the servers' own; none is ever
 * shown, since a message of a server may repeat what it was sent.
 */
import { isSecretError, SecretError, type SecretErrorCode } from '@keyfall/core';
import { spanOf } from '../wire/time.ts';
import type { VaultWire, WireAnswer, WireResult } from '../wire/vault-wire.ts';
import { failureVerdict } from './failure-verdict.ts';
import type { AddressFault, GoneVersion, Repeat, Subject, Suspect, Verdict } from './verdict.ts';

/** What `result` means. An aborted request is not judged here: its signal knows why. */
export function verdictOf(
  result: WireResult,
  subject: Subject,
  verb: keyof VaultWire = 'read',
): Verdict {
  // so a PATCH of what is not there is answered
  if (result.kind === 'answer' && verb === 'update' && result.status === 404 && result.text === '')
    return { kind: 'missing', gone: undefined };
  const about = { ...subject, origin: result.origin ?? subject.origin };
  const verdict =
    result.kind === 'failure' ? failureVerdict(result, about) : answered(result, about);
  return verdict.kind === 'error' && result.passedOver !== undefined
    ? { ...verdict, error: alsoOf(result.passedOver, verdict.error) }
    : verdict;
}

/** The error of one node, telling that others were asked before it. */
function alsoOf(passedOver: number, error: SecretError): SecretError {
  const others = passedOver === 1 ? 'another node was' : `${passedOver} other nodes were`;
  return error.with({ reason: `${error.reason}, and ${others} of no use before it` });
}

/** The `errors` of an answer, joined. To compare with, never to show. */
export function saidBy(answer: WireAnswer): string {
  const errors = answer.body?.['errors'];
  return Array.isArray(errors) ? errors.filter((text) => typeof text === 'string').join('\n') : '';
}

/**
 * Whether an answer that is no success is Vault's own: its errors are texts in a list, and a 404 may have the
 * members of an answer instead. What stands in front of it has a page, or JSON of another make.
 */
export function isItsOwn(answer: WireAnswer): boolean {
  const { status, body } = answer;
  const errors = body?.['errors'];
  if (Array.isArray(errors)) return errors.every((text) => typeof text === 'string');
  return status === 404 && (Array.isArray(body?.['warnings']) || goneVersion(answer) !== undefined);
}

/**
 * Statuses that say of themselves that the request was not carried out, whoever sends them: RFC 9110 (15.5),
 * RFC 6585 and RFC 8470. Any other that is not Vault's own tells nothing about what the server behind did.
 */
const notCarriedOut: ReadonlySet<number> = new Set([
  405, 411, 412, 413, 414, 415, 417, 421, 425, 426, 428, 429, 431,
]);

/**
 * Whether a 429 is of a standby that is behind the state it was asked for, which says this without a word
 * (OpenBao). A quota has words, and a gateway that limits the rate has words of its own, or a page.
 */
export function isBehind({ body }: WireAnswer): boolean {
  const errors = body?.['errors'];
  return Array.isArray(errors) && errors.length === 0;
}

/**
 * Whether a node knows of no leader to pass the request on to. It says so before it tries: nothing was done
 * (`forwardRequest` in `http/handler.go`, of OpenBao and of HashiCorp Vault).
 */
export function knowsNoLeader(result: WireResult): boolean {
  return (
    result.kind === 'answer' &&
    result.status === 500 &&
    saidBy(result).startsWith('local node not active')
  );
}

/** The same, or that it points on in vain, perhaps after the leader that it was passed on to has died. */
export function hasNoLeader(result: WireResult): boolean {
  if (result.kind === 'failure') return result.what === 'led-on';
  const lost = result.status === 503 && saidBy(result).startsWith('no active Vault instance');
  return lost || knowsNoLeader(result);
}

/** When the server wants to be asked again, for a message. */
function againIn({ retryAfter }: WireAnswer): string {
  return retryAfter === undefined ? '' : `, and wants to be asked again in ${spanOf(retryAfter)}`;
}

/** The server's own id of the request, if it looks like one. */
function requestIdOf(answer: WireAnswer): string | undefined {
  const id = answer.body?.['request_id'];
  return typeof id === 'string' && /^[0-9a-f-]{36}$/.test(id) ? id : undefined;
}

function answered(answer: WireAnswer, subject: Subject): Verdict {
  const { status } = answer;
  if (status >= 200 && status < 300) return { kind: 'ok', answer };
  const said = saidBy(answer);
  const { origin, place } = subject;
  const itsOwn = isItsOwn(answer);
  const isForeign = !itsOwn && !notCarriedOut.has(status);
  const error = (
    code: SecretErrorCode,
    reason: string,
    { repeat = 'none', ambiguous = isForeign, found, hint, retryable }: ErrorTraits = {},
  ): Verdict => ({
    kind: 'error',
    repeat,
    ambiguous,
    itsOwn,
    found,
    error: new SecretError(code, reason, {
      provider: subject.provider,
      storeStatus: status,
      requestId: requestIdOf(answer),
      hint,
      retryable,
    }),
  });

  switch (status) {
    case 400:
      if (said.includes('check-and-set parameter did not match')) return { kind: 'conflict' };
      if (said.includes('check-and-set parameter required'))
        return error('ERR_SECRET_UNSUPPORTED', `${place} takes no write without a version`, {
          hint: 'Name the version that the change is made from: ifVersion.',
        });
      if (/upgrad(?:e|ing) from non-versioned/i.test(said))
        return error('ERR_SECRET_UNAVAILABLE', `the mount ${subject.mount} is being upgraded`, {
          repeat: 'any',
        });
      if (said.includes('high complexity'))
        return error(
          'ERR_SECRET_UNSUPPORTED',
          `${place} has more names than the server takes in one request`,
          {
            hint: 'Spread the names over several paths.',
          },
        );
      if (answer.text.startsWith('Client sent an HTTP request to an HTTPS server'))
        return error('ERR_SECRET_CONFIG', `${origin} speaks https`, {
          found: 'server-speaks-https',
          hint: 'Write the option address (variable VAULT_ADDR) with https://.',
        });
      return error(
        'ERR_SECRET_INVALID',
        `${origin} refused the request as malformed (status 400)`,
        {
          hint: 'Something in between may alter requests, or the server is too old for it.',
        },
      );
    case 401:
    case 407:
      return error(
        'ERR_SECRET_UNAUTHENTICATED',
        `${origin} asks for other credentials than a token (status ${status})`,
        {
          hint: 'A proxy in front of the server may ask for its own.',
        },
      );
    case 403:
      if (!itsOwn)
        return error(
          'ERR_SECRET_DENIED',
          `${origin} refused the request as Vault does not (status 403)`,
          {
            hint: 'A firewall or gateway in front of the server may have done so: let it pass what begins with /v1/.',
          },
        );
      return { kind: 'forbidden', suspect: suspectOf(said), status };
    case 404:
      return notFound(answer, said, subject, error);
    case 405:
      return error('ERR_SECRET_UNSUPPORTED', `${origin} does not know this request (status 405)`, {
        hint: 'It may be too old for it.',
      });
    case 408:
    case 421:
    case 425:
    case 460:
    case 499:
      return error(
        'ERR_SECRET_UNAVAILABLE',
        `${origin} did not pass the request on, or not to its end (status ${status})`,
        {
          // a 421 and a 425 say that nothing was done; the others that somebody waited too long
          repeat: notCarriedOut.has(status) ? 'any' : 'read',
          hint: 'Look into the log of the gateway or proxy in front of the server.',
        },
      );
    case 412:
      if (said.includes('X-Vault-Request'))
        return error(
          'ERR_SECRET_CONFIG',
          `${origin} did not get the header X-Vault-Request, which was sent`,
          {
            hint: 'Something in between takes headers away: let it pass those that begin with X-Vault-.',
          },
        );
      return error(
        'ERR_SECRET_UNAVAILABLE',
        `${origin} has not caught up with its cluster (status 412)`,
        {
          repeat: 'any',
        },
      );
    case 413:
      return error(
        'ERR_SECRET_UNSUPPORTED',
        `${place} is larger than the server takes in one request`,
        {
          hint: 'Spread the names over several paths.',
        },
      );
    case 429:
      return error(
        'ERR_SECRET_UNAVAILABLE',
        isBehind(answer)
          ? `${origin} has not caught up with its cluster (status 429)`
          : `${origin} limits the rate of requests${againIn(answer)}`,
        { repeat: 'any' },
      );
    case 472:
    case 473:
    case 474:
      return error(
        'ERR_SECRET_UNAVAILABLE',
        `${origin} is a node that cannot serve it (status ${status})`,
        { hint: 'List the other nodes of its cluster in the option nodes.' },
      );
    case 500:
      // HashiCorp Vault, of a token that ends as one of a namespace does (`hvs.….id`) and is none it knows
      if (said.includes('failed to look up namespace from the token'))
        return { kind: 'forbidden', suspect: 'rejected', status };
      // its limits on JSON (1.20 and later)
      if (/^JSON \w.* exceeds allowed /.test(said))
        return error(
          'ERR_SECRET_UNSUPPORTED',
          `${place} has more names, or a longer one or text, than the server takes in one request`,
          {
            hint: 'Spread the names over several paths.',
          },
        );
      if (said.includes('value being too large'))
        return error(
          'ERR_SECRET_UNSUPPORTED',
          `${place} is larger than an entry of the server's storage`,
          {
            hint: 'Spread the names over several paths.',
          },
        );
      if (/could not (?:find version data|load backend configuration)/.test(said))
        return error(
          'ERR_SECRET_UNAVAILABLE',
          `${origin} cannot read its own storage (status 500)`,
          {
            retryable: false,
            hint: 'Look into the log of the server.',
          },
        );
      break;
    case 530:
      // Cloudflare has another meaning for it
      if (!itsOwn) break;
      return error(
        'ERR_SECRET_UNAVAILABLE',
        `${origin} is a node that cannot serve it (status 530)`,
        { hint: 'List the other nodes of its cluster in the option nodes.' },
      );
    case 501:
      if (!itsOwn) break;
      return error('ERR_SECRET_UNAVAILABLE', `${origin} is not initialised`, {
        hint: 'Initialise it: bao operator init, or vault operator init.',
      });
    case 503:
      if (said.includes('sealed'))
        return error('ERR_SECRET_UNAVAILABLE', `${origin} is sealed`, {
          repeat: 'read',
          hint: 'Unseal it: bao operator unseal, or vault operator unseal.',
        });
      break;
  }
  if (status >= 500)
    return error('ERR_SECRET_UNAVAILABLE', `${origin} answers with status ${status}`, {
      repeat: 'read',
      ambiguous: true,
      hint: 'Look into the log of the server.',
    });
  return error(
    'ERR_SECRET_INVALID',
    `${origin} answers with status ${status}, as no Vault server does here`,
    {
      found: 'not-a-vault',
      hint: 'Check the option address (variable VAULT_ADDR).',
    },
  );
}

interface ErrorTraits {
  readonly repeat?: Repeat;
  readonly ambiguous?: boolean;
  readonly found?: AddressFault;
  readonly hint?: string;
  readonly retryable?: boolean;
}

type MakeError = (code: SecretErrorCode, reason: string, traits?: ErrorTraits) => Verdict;

/** A 404's meanings: nothing there, deleted, or a mount, namespace or KV version that is wrong. */
function notFound(answer: WireAnswer, said: string, subject: Subject, error: MakeError): Verdict {
  const { origin, mount, namespace, place } = subject;
  if (said.includes('namespace not found'))
    return error('ERR_SECRET_CONFIG', `the namespace ${namespace} does not exist`, {
      hint: 'Check the option namespace (variable VAULT_NAMESPACE).',
    });
  if (said.includes('no handler for route'))
    return error('ERR_SECRET_CONFIG', `nothing is mounted at ${mount}`, {
      hint: 'Check the option mount (variable VAULT_MOUNT_POINT).',
    });
  const warnings = answer.body?.['warnings'];
  if (Array.isArray(warnings) && String(warnings[0]).includes('Invalid path for a versioned'))
    return error('ERR_SECRET_CONFIG', `the mount ${mount} is of KV version 2, not 1`, {
      hint: 'Leave the option kvVersion out, or set it to 2.',
    });
  if (said !== '')
    return error('ERR_SECRET_CONFIG', `${mount} has no such path as a KV engine has`, {
      hint: 'Check the options mount and kvVersion.',
    });
  const gone = goneVersion(answer);
  if (gone !== undefined) return { kind: 'missing', gone };
  const errors = answer.body?.['errors'];
  if (Array.isArray(errors) && errors.length === 0) return { kind: 'missing', gone: undefined };
  return error(
    'ERR_SECRET_INVALID',
    `${origin} says that ${place} is not found, but not as Vault says it`,
    {
      found: 'not-a-vault',
      hint: 'Check that the option address (variable VAULT_ADDR) is a Vault server.',
    },
  );
}

/** What a 404 of KV version 2 tells with a deleted or destroyed version (PATCH: one level higher). */
function goneVersion(answer: WireAnswer): GoneVersion | undefined {
  const data = answer.body?.['data'] as
    | (VersionFacts & { readonly metadata?: VersionFacts | null })
    | null
    | undefined;
  // not `in`: of what is no object its TypeError quotes the value
  const facts = data?.metadata === undefined ? data : data.metadata;
  const { version, created_time: createdTime, destroyed } = facts ?? {};
  if (typeof version !== 'number' || !Number.isSafeInteger(version)) return undefined;
  return {
    version,
    createdTime: typeof createdTime === 'string' ? createdTime : '',
    state: destroyed === true ? 'destroyed' : 'deleted',
  };
}

interface VersionFacts {
  readonly version?: unknown;
  readonly created_time?: unknown;
  readonly destroyed?: unknown;
}

/** What the text of a 403 lets suspect, of a request or of a look-up of the token itself. */
function suspectOf(said: string): Suspect {
  if (said.includes('invalid token')) return 'rejected';
  if (said.includes('preflight capability check')) return 'denied';
  return said.trim() === 'permission denied' ? 'token' : 'policy';
}

/** The error of a refusal that was told to be one or the other. */
export function forbidden(
  kind: 'denied' | 'unauthenticated',
  subject: Subject,
  status: number,
  hint?: string,
): SecretError {
  const { provider, origin, place } = subject;
  return kind === 'denied'
    ? new SecretError('ERR_SECRET_DENIED', `the token's policies do not allow this on ${place}`, {
        provider,
        storeStatus: status,
        hint: hint ?? `Give its policy the capabilities it needs on ${place}.`,
      })
    : new SecretError('ERR_SECRET_UNAUTHENTICATED', `${origin} does not accept the token`, {
        provider,
        storeStatus: status,
        hint: hint ?? 'It may be mistyped, expired or revoked: log in again and set VAULT_TOKEN.',
      });
}

/** Why something failed, for a message of ours; never the text of an error that is not ours. */
export function reasonOf(error: unknown): string {
  return isSecretError(error) ? error.reason : 'for a reason that is not known';
}
