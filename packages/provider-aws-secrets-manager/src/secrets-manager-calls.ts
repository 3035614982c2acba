/**
 * Calls of AWS Secrets Manager through the SDK, which is loaded at the first one. Whatever it throws
 * ends here: its errors hold requests and signatures, so only the exception's name, the status and the
 * request id go on (https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html).
 */
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { type Applied, SecretError, type SecretErrorCode } from '@keyfall/core';
import { type ReadContext, withApplied } from '@keyfall/core/provider';

type Sdk = typeof import('@aws-sdk/client-secrets-manager');

/** What every call of a provider hands down, the time limit aside. */
export interface CallBounds {
  readonly signal: AbortSignal;
  /** As `ReadContext.stamp`: called for each request that goes out, those that the SDK repeats included. */
  readonly stamp?: () => number;
  /** Is told what `stamp` gave for the request that was answered. */
  readonly answered?: (stamp: number | undefined) => void;
}

/** What a read is bounded by, and what becomes of its stamps: the earliest of all answers is that of the whole. */
export function stampedBounds({ signal, stamp }: Pick<ReadContext, 'signal' | 'stamp'>): {
  readonly bounds: CallBounds;
  /** For the batch. */
  stamped(): { readonly stamp?: number };
} {
  let earliest = Number.POSITIVE_INFINITY;
  return {
    bounds: {
      signal,
      ...(stamp && { stamp }),
      answered: (at = Number.NaN) => {
        earliest = Math.min(earliest, at);
      },
    },
    stamped: () => (Number.isFinite(earliest) ? { stamp: earliest } : {}),
  };
}

/** What a call is made with. */
interface CallTools {
  readonly sdk: Sdk;
  readonly client: SecretsManagerClient;
  readonly options: { readonly abortSignal: AbortSignal };
  /** The command, whose every attempt is stamped: the SDK repeats by itself. */
  stamping<Command extends Stampable>(command: Command): Command;
}

/** What is used of a command of the SDK. */
interface Stampable {
  readonly middlewareStack: {
    add(
      middleware: <Next extends (args: never) => unknown>(next: Next) => Next,
      options: { readonly step: 'deserialize'; readonly name: string },
    ): void;
  };
}

/** An exception that is an answer to some callers: what they asked for is not there, or is already. */
export type AwsException = 'not-found' | 'deleted' | 'exists' | 'wrong-parameter';

/** What came of a call. */
type Reply<Output> =
  | { readonly output: Output; readonly exception?: undefined }
  | { readonly output?: undefined; readonly exception: AwsException; readonly error: SecretError };

/** Secrets Manager of one region, as one caller. */
export interface SecretsManagerCalls {
  /** @throws `SecretError` for every failure that is no {@link AwsException} */
  call<Output>(
    bounds: CallBounds,
    run: (tools: CallTools) => Promise<Output>,
  ): Promise<Reply<Output>>;
  /** The same of a call that changes something: its error says in `applied` what became of it. */
  change<Output>(
    bounds: CallBounds,
    run: (tools: CallTools) => Promise<Output>,
  ): Promise<Reply<Output>>;
  close(): void;
}

/** Who calls, and where to. */
export interface CallerSettings {
  /** The provider's name, for errors. */
  readonly provider: string;
  /** What is asked for, for errors: `the secret shop/prod`. */
  readonly subject: string;
  /**
   * Default: what the SDK finds in its environment and files. Of an application's own client it must
   * be the region: another one would call the secret missing.
   */
  readonly region: string | undefined;
  /** The application's own client, which then is not closed by us. */
  readonly client: SecretsManagerClient | undefined;
}

export function secretsManagerCalls(settings: CallerSettings): SecretsManagerCalls {
  let own: SecretsManagerClient | undefined;
  let loaded: Promise<Sdk> | undefined;

  async function assertRegion({ config }: SecretsManagerClient): Promise<void> {
    const { provider, region } = settings;
    const its = await config.region();
    if (its !== region)
      throw new SecretError(
        'ERR_SECRET_CONFIG',
        `the option client is of the region ${its}, and the ARN in secretId of ${region}`,
        { provider, hint: 'Give a client of that region, or the ARN of the replica.' },
      );
  }

  async function make<Output>(
    bounds: CallBounds,
    run: (tools: CallTools) => Promise<Output>,
    changes: boolean,
  ): Promise<Reply<Output>> {
    loaded ??= import('@aws-sdk/client-secrets-manager');
    const sdk = await loaded;
    const { region, client = own } = settings;
    let stamp: number | undefined;
    const stamping: CallTools['stamping'] = (command) => {
      // below the SDK's own repeating, so that it is called for each attempt
      command.middlewareStack.add(
        (next) =>
          ((args) => {
            stamp = bounds.stamp?.();
            return next(args);
          }) as typeof next,
        { step: 'deserialize', name: 'keyfallStamp' },
      );
      return command;
    };
    try {
      const used = client ?? new sdk.SecretsManagerClient(region === undefined ? {} : { region });
      if (client === undefined) own = used;
      else if (region !== undefined) await assertRegion(used);
      // one of its own: the listeners of many requests at one signal look like a leak to Node
      const options = { abortSignal: AbortSignal.any([bounds.signal]) };
      const output = await run({ sdk, client: used, options, stamping });
      bounds.answered?.(stamp);
      return { output };
    } catch (thrown) {
      const verdict = judge(thrown, settings, bounds.signal);
      const applied = appliedBy(thrown);
      if ('exception' in verdict) bounds.answered?.(stamp);
      if ('exception' in verdict)
        return changes ? { ...verdict, error: withApplied(verdict.error, applied) } : verdict;
      throw changes ? withApplied(verdict, applied) : verdict;
    }
  }

  return {
    call: (bounds, run) => make(bounds, run, false),
    change: (bounds, run) => make(bounds, run, true),
    close() {
      own?.destroy();
      own = undefined;
    },
  };
}

/**
 * What became of a change that ended with what the SDK threw. The SDK repeats requests by itself: after more
 * than one nobody knows what became of the first.
 */
function appliedBy(thrown: unknown): Applied {
  if (thrown instanceof SecretError) return 'no';
  const { name, code, status } = factsOf(thrown);
  const { $metadata: { attempts = 1 } = {} } = (thrown ?? {}) as {
    readonly $metadata?: { readonly attempts?: number };
  };
  if (attempts > 1) return 'unknown';
  // the service has refused it, or nothing was sent: there were no credentials, no region, no connection
  const isRefused =
    status !== undefined &&
    status >= 400 &&
    status < 500 &&
    /Exception$|^AccessDenied|Client$|Failure$|Token|Signature/.test(name);
  const isUnsent = status === undefined && (noCredentials.test(name) || unconnected.test(code));
  return isRefused || isUnsent || untrusted.test(code) ? 'no' : 'unknown';
}

/** Node's codes of a connection that was never made. */
const unconnected = /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN)$/;

/** What is looked at of an error of the SDK. */
interface Facts {
  readonly name: string;
  /** Node's code, where the request got no answer. */
  readonly code: string;
  readonly status: number | undefined;
  readonly requestId: string | undefined;
  /** Only ever searched for words, never shown. */
  readonly message: string;
}

function factsOf(thrown: unknown): Facts {
  const error = thrown as {
    readonly name?: unknown;
    readonly code?: unknown;
    readonly message?: unknown;
    readonly $metadata?: { readonly httpStatusCode?: unknown; readonly requestId?: unknown };
  } | null;
  const { httpStatusCode, requestId } = error?.$metadata ?? {};
  // with an answer it is a member of the body, and the server's own text
  const code = typeof error?.code === 'string' && httpStatusCode === undefined ? error.code : '';
  return {
    name: typeof error?.name === 'string' ? error.name : '',
    code: /^[A-Z][A-Z0-9_]*$/.test(code) ? code : '',
    status: typeof httpStatusCode === 'number' ? httpStatusCode : undefined,
    requestId: typeof requestId === 'string' && uuid.test(requestId) ? requestId : undefined,
    message: typeof error?.message === 'string' ? error.message : '',
  };
}

/** What an id of AWS looks like: of anything else a server might have made what it was sent. */
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const unknownCaller =
  /^(?:UnrecognizedClient|InvalidClientTokenId|ExpiredToken|InvalidSignature|SignatureDoesNotMatch|MissingAuthenticationToken|IncompleteSignature|RequestExpired|RequestTimeTooSkewed|NotAuthorized|UnauthorizedSSOToken)/;
const noCredentials = /^(?:CredentialsProvider|TokenProvider)Error$/;
const throttled =
  /^(?:Throttl|TooManyRequests|RequestLimitExceeded|RequestThrottled|SlowDown|BandwidthLimit|ProvisionedThroughput|PriorRequestNotComplete)/;
const outage =
  /^(?:InternalService|InternalFailure|InternalServer|ServiceUnavailable|TimeoutError|NetworkingError)/;
const untrusted = /CERT|SELF_SIGNED|UNABLE_TO_|^HOSTNAME_MISMATCH$|^ERR_TLS_|^ERR_SSL_|^EPROTO$/;

/** As AWS and moto word it; "cannot be deleted" is something else. */
const scheduledForDeletion = /(?:marked|scheduled) for deletion|marked deleted|was deleted/i;

/** The error that stands for what the SDK threw, or the answer that it is. */
export function judge(
  thrown: unknown,
  { provider, subject }: Pick<CallerSettings, 'provider' | 'subject'>,
  signal: AbortSignal,
): SecretError | { readonly exception: AwsException; readonly error: SecretError } {
  if (thrown instanceof SecretError) return thrown;
  const { name, code, status, requestId, message } = factsOf(thrown);
  const problem = (kind: SecretErrorCode, what: string, hint?: string) =>
    new SecretError(kind, `${subject} ${what}`, { provider, hint, storeStatus: status, requestId });

  if (signal.aborted)
    return new SecretError('ERR_SECRET_ABORTED', 'the call was aborted', { provider });
  if (untrusted.test(code))
    return problem(
      'ERR_SECRET_TLS',
      `could not be asked for over TLS (${code})`,
      'Somebody may sit in between; a company proxy needs NODE_EXTRA_CA_CERTS.',
    );
  // the words are those of the service's own documentation of its exceptions
  if (name === 'ResourceNotFoundException')
    return { exception: 'not-found', error: problem('ERR_SECRET_NOT_FOUND', 'is not there') };
  if (name === 'ResourceExistsException')
    return { exception: 'exists', error: problem('ERR_SECRET_CONFLICT', 'is there already') };
  if (name === 'InvalidRequestException' && scheduledForDeletion.test(message))
    return {
      exception: 'deleted',
      error: problem(
        'ERR_SECRET_NOT_FOUND',
        'is scheduled for deletion',
        'Bring it back with `aws secretsmanager restore-secret`.',
      ),
    };
  if (name === 'InvalidParameterException' || name === 'ValidationException')
    return {
      exception: 'wrong-parameter',
      error: problem(
        'ERR_SECRET_CONFIG',
        `was asked for in a way that the service does not take (${name})`,
        'Check the options secretId, prefix and versionStage.',
      ),
    };
  if (name === 'InvalidRequestException')
    return problem(
      'ERR_SECRET_UNSUPPORTED',
      'refuses that in its present state',
      'A replica is written in its primary region, and what another service manages by that service.',
    );
  if (name === 'LimitExceededException')
    return problem(
      'ERR_SECRET_UNSUPPORTED',
      'would exceed a quota of Secrets Manager',
      'Look at the quotas of the account.',
    );
  if (name === 'EncryptionFailure')
    return problem(
      'ERR_SECRET_DENIED',
      'may not be encrypted: its KMS key is disabled, or not to be used by this caller',
      "Allow kms:GenerateDataKey on the secret's key.",
    );
  if (name === 'DecryptionFailure' || (/^AccessDenied/.test(name) && /\bkms\b/i.test(message)))
    return problem(
      'ERR_SECRET_DENIED',
      'may not be decrypted: its KMS key is disabled, or not to be used by this caller',
      "Allow kms:Decrypt on the secret's key, and kms:GenerateDataKey for writing.",
    );
  if (/^(?:AccessDenied|OptInRequired|Forbidden)/.test(name))
    return problem(
      'ERR_SECRET_DENIED',
      'may not be used by this caller',
      'Compare its IAM policy with the one in the documentation of the provider.',
    );
  if (noCredentials.test(name))
    return problem(
      'ERR_SECRET_UNAUTHENTICATED',
      'cannot be asked for: the AWS SDK found no credentials that it can use',
      'Give the process a role, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.',
    );
  if (unknownCaller.test(name))
    return problem(
      'ERR_SECRET_UNAUTHENTICATED',
      `cannot be asked for: AWS does not accept the credentials (${unknownCaller.exec(name)?.[0]})`,
      'They may have expired, or the clock of this machine is wrong.',
    );
  if (/^Region is missing/.test(message))
    return problem(
      'ERR_SECRET_CONFIG',
      'has no region: neither the option region nor AWS_REGION nor the profile names one',
      "Give the option region, such as 'eu-central-1'.",
    );
  if (throttled.test(name) || status === 429)
    return problem('ERR_SECRET_UNAVAILABLE', 'cannot be asked for now: AWS limits the rate');
  if (code !== '' || outage.test(name) || (status !== undefined && status >= 500)) {
    const why = code || (status === undefined ? outage.exec(name)?.[0] : `status ${status}`);
    return problem('ERR_SECRET_UNAVAILABLE', `cannot be asked for: no answer of use (${why})`);
  }
  return problem(
    'ERR_SECRET_INVALID',
    `was answered by something that is not understood${status === undefined ? '' : ` (status ${status})`}`,
    'Something else than Secrets Manager may answer at the endpoint.',
  );
}
