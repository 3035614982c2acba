/**
 * What an error of the AWS SDK means. Its errors hold requests and signatures, so only the exception's name,
 * the status, the request id and Node's code are used
 * (https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html). This is the only file
 * that reads a service's own words.
 */
import {
  type Applied,
  SecretError,
  type SecretErrorCode,
  type SecretSetting,
} from '@keyfall/core/provider';

/** An exception that is an answer to some callers: what they asked for does not exist, or exists already. */
export type AwsException = 'not-found' | 'deleted' | 'exists' | 'wrong-parameter';

/** An exception of a service, by the name in the service's own documentation, and what it means. */
export interface ServiceException {
  /** More than one, where they mean the same. */
  readonly names: readonly string[];
  /** Only where the exception's text has these words; the first that fits counts. They are never shown. */
  readonly words?: RegExp;
  /** Set: it is an answer to some callers. */
  readonly exception?: AwsException;
  readonly code: SecretErrorCode;
  /** What follows the subject: `does not exist`. */
  readonly what: string;
  readonly hint?: string;
}

/** What is different about one service. */
export interface AwsService {
  /** `Secrets Manager` */
  readonly name: string;
  /** Its own exceptions, looked at before what all services have in common. */
  readonly exceptions: readonly ServiceException[];
  /** What to check if a parameter of a request is rejected: `Check the options secretId, prefix and versionStage.` */
  readonly optionsHint: string;
  /** What to check if the answer is none of the service. */
  readonly endpointHint: string;
}

/** Whose error it is. */
export interface ErrorSubject {
  /** The provider's name. Left out: the provider that passes its errors on adds its own. */
  readonly provider?: string | undefined;
  /** What was asked for: `the secret shop/prod`. */
  readonly subject: string;
  readonly service: AwsService;
}

/**
 * What became of a change that ended with this error. The SDK repeats requests by itself: after more than one
 * attempt it is unknown what became of the first.
 */
export function appliedAfter(thrown: unknown, { exceptions }: AwsService): Applied {
  if (thrown instanceof SecretError) return 'no';
  const { name, code, status } = factsOf(thrown);
  const { $metadata: { attempts = 1 } = {} } = (thrown ?? {}) as {
    readonly $metadata?: { readonly attempts?: number };
  };
  if (attempts > 1) return 'unknown';
  // the service refused it, or nothing was sent: there were no credentials, no region or no connection
  const isRefused =
    status !== undefined &&
    status >= 400 &&
    status < 500 &&
    (exceptions.some(({ names }) => names.includes(name)) ||
      /Exception$|^AccessDenied|Client$|Failure$|Token|Signature/.test(name));
  const isUnsent = status === undefined && (noCredentials.test(name) || notConnected.test(code));
  return isRefused || isUnsent || untrusted.test(code) ? 'no' : 'unknown';
}

/** Node's codes for a connection that was never made. */
const notConnected = /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN)$/;

/** The only parts of an error of the SDK that are used. */
interface ErrorFacts {
  readonly name: string;
  /** Node's code, where the request got no answer. */
  readonly code: string;
  readonly status: number | undefined;
  readonly requestId: string | undefined;
  /** Searched for a few documented words, and never shown. */
  readonly message: string;
}

function factsOf(thrown: unknown): ErrorFacts {
  const error = thrown as {
    readonly name?: unknown;
    readonly code?: unknown;
    readonly message?: unknown;
    readonly $metadata?: { readonly httpStatusCode?: unknown; readonly requestId?: unknown };
  } | null;
  const { httpStatusCode, requestId } = error?.$metadata ?? {};
  const message = typeof error?.message === 'string' ? error.message : '';
  // where there is an answer, `code` is a member of its body: the server's own text
  const said = typeof error?.code === 'string' ? error.code : codeInWrapper(message);
  const code = httpStatusCode === undefined ? said : '';
  return {
    name: typeof error?.name === 'string' ? error.name : '',
    code: /^[A-Z][A-Z0-9_]*$/.test(code) ? code : '',
    status: typeof httpStatusCode === 'number' ? httpStatusCode : undefined,
    requestId: typeof requestId === 'string' && uuid.test(requestId) ? requestId : undefined,
    message,
  };
}

/**
 * Node's code in an error that the SDK has made of another one's text, since that one is no `Error` to it: under Jest
 * Node's errors are of another realm. Nothing else of the text is used.
 */
function codeInWrapper(message: string): string {
  const [, code = ''] =
    /^AWS SDK error wrapper for Error: \w+ (E[A-Z_]{3,20})\b/.exec(message) ?? [];
  return code;
}

/** What a request id of AWS looks like. Anything else might repeat what was sent. */
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const unknownCaller =
  /^(?:UnrecognizedClient|InvalidClientTokenId|ExpiredToken|InvalidSignature|SignatureDoesNotMatch|MissingAuthenticationToken|IncompleteSignature|RequestExpired|RequestTimeTooSkewed|NotAuthorized|UnauthorizedSSOToken)/;
const noCredentials = /^(?:CredentialsProvider|TokenProvider)Error$/;
const throttled =
  /^(?:Throttl|TooManyRequests|RequestLimitExceeded|RequestThrottled|SlowDown|BandwidthLimit|ProvisionedThroughput|PriorRequestNotComplete)/;
const outage =
  /^(?:InternalService|InternalFailure|InternalServer|ServiceUnavailable|TimeoutError|NetworkingError)/;
const untrusted = /CERT|SELF_SIGNED|UNABLE_TO_|^HOSTNAME_MISMATCH$|^ERR_TLS_|^ERR_SSL_|^EPROTO$/;

/**
 * What the SDK threw as an error of ours, or as an exception that is an answer to its caller.
 *
 * @param thrown - what the SDK threw, or an error in an answer of the service as `{ name, message }`
 * @param signal - of the call: once it has fired the error is `ERR_SECRET_ABORTED`
 */
export function classifyAwsError(
  thrown: unknown,
  { provider, subject, service }: ErrorSubject,
  signal: AbortSignal,
): SecretError | { readonly exception: AwsException; readonly error: SecretError } {
  if (thrown instanceof SecretError) return thrown;
  const { name, code, status, requestId, message } = factsOf(thrown);
  const problem = (kind: SecretErrorCode, what: string, hint?: string, setting?: SecretSetting) => {
    const facts = { provider, hint, setting, storeStatus: status, requestId };
    return new SecretError(kind, `${subject} ${what}`, facts);
  };

  if (signal.aborted)
    return new SecretError('ERR_SECRET_ABORTED', 'the call was aborted', { provider });
  if (untrusted.test(code))
    return problem(
      'ERR_SECRET_TLS',
      `could not be read, because the TLS connection is not trusted (${code})`,
      'The connection may be intercepted. For a company proxy, set NODE_EXTRA_CA_CERTS.',
    );
  const own = service.exceptions.find(
    ({ names, words }) => names.includes(name) && (words === undefined || words.test(message)),
  );
  if (own !== undefined) {
    const error = problem(own.code, own.what, own.hint);
    return own.exception === undefined ? error : { exception: own.exception, error };
  }
  if (name === 'InvalidParameterException' || name === 'ValidationException')
    return {
      exception: 'wrong-parameter',
      error: problem(
        'ERR_SECRET_CONFIG',
        `was rejected because of a parameter of the request (${name})`,
        service.optionsHint,
      ),
    };
  if (/^AccessDenied/.test(name) && /\bkms\b/i.test(message))
    return problem(
      'ERR_SECRET_DENIED',
      'cannot be decrypted: its KMS key is disabled, or this caller may not use it',
      "Allow kms:Decrypt on the secret's key, and kms:GenerateDataKey for writing.",
    );
  if (/^(?:AccessDenied|OptInRequired|Forbidden)/.test(name))
    return problem(
      'ERR_SECRET_DENIED',
      'is denied to this caller',
      'Compare the IAM policy of the caller with the one on the page of this provider.',
    );
  if (noCredentials.test(name))
    return problem(
      'ERR_SECRET_UNAUTHENTICATED',
      'cannot be read: the AWS SDK found no usable credentials',
      'Give the process a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.',
    );
  if (unknownCaller.test(name))
    return problem(
      'ERR_SECRET_UNAUTHENTICATED',
      `cannot be read: AWS does not accept the credentials (${unknownCaller.exec(name)?.[0]})`,
      'Check whether they have expired, and whether the clock of this machine is right.',
    );
  if (/^Region is missing/.test(message))
    return problem(
      'ERR_SECRET_CONFIG',
      'cannot be read without a region: the option region, AWS_REGION and the profile name none',
      "Set the option region, such as 'eu-central-1'.",
      { option: 'region', variable: 'AWS_REGION', isMissing: true },
    );
  if (throttled.test(name) || status === 429)
    return problem('ERR_SECRET_UNAVAILABLE', 'cannot be read now: AWS limits the rate of requests');
  if (code !== '' || outage.test(name) || (status !== undefined && status >= 500)) {
    const why = code || (status === undefined ? outage.exec(name)?.[0] : `status ${status}`);
    return problem('ERR_SECRET_UNAVAILABLE', `cannot be read: AWS gave no usable answer (${why})`);
  }
  return problem(
    'ERR_SECRET_INVALID',
    `could not be read: the answer is not one of ${service.name}${status === undefined ? '' : ` (status ${status})`}`,
    service.endpointHint,
  );
}
