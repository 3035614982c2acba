/**
 * What an error of the AWS SDK means. Its errors hold requests and signatures, so only the exception's name,
 * the status, the request id and Node's code are used
 * (https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html). This is the only file
 * that reads the service's own words.
 */
import {
  type Applied,
  SecretError,
  type SecretErrorCode,
  type SecretSetting,
} from '@keyfall/core/provider';

/** An exception that is an answer to some callers: what they asked for does not exist, or exists already. */
export type AwsException = 'not-found' | 'deleted' | 'exists' | 'wrong-parameter';

/** Whose error it is. */
export interface ErrorSubject {
  /** The provider's name. */
  readonly provider: string;
  /** What was asked for: `the secret shop/prod`. */
  readonly subject: string;
}

/** The hint for an answer that Secrets Manager never gives. */
export const wrongEndpoint =
  'Check the endpoint: another service than Secrets Manager may answer there.';

/**
 * What became of a change that ended with this error. The SDK repeats requests by itself: after more than one
 * attempt it is unknown what became of the first.
 */
export function appliedAfter(thrown: unknown): Applied {
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
    /Exception$|^AccessDenied|Client$|Failure$|Token|Signature/.test(name);
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

/** The wordings of AWS and of moto; "cannot be deleted" means something else. */
const scheduledForDeletion = /(?:marked|scheduled) for deletion|marked deleted|was deleted/i;

/** What the SDK threw as an error of ours, or as an exception that is an answer to its caller. */
export function classifyError(
  thrown: unknown,
  { provider, subject }: ErrorSubject,
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
  // the names are those of the service's own documentation of its exceptions
  if (name === 'ResourceNotFoundException')
    return { exception: 'not-found', error: problem('ERR_SECRET_NOT_FOUND', 'does not exist') };
  if (name === 'ResourceExistsException')
    return { exception: 'exists', error: problem('ERR_SECRET_CONFLICT', 'exists already') };
  if (name === 'InvalidRequestException' && scheduledForDeletion.test(message))
    return {
      exception: 'deleted',
      error: problem(
        'ERR_SECRET_NOT_FOUND',
        'is scheduled for deletion',
        'Restore it with `aws secretsmanager restore-secret`.',
      ),
    };
  if (name === 'InvalidParameterException' || name === 'ValidationException')
    return {
      exception: 'wrong-parameter',
      error: problem(
        'ERR_SECRET_CONFIG',
        `was rejected because of a parameter of the request (${name})`,
        'Check the options secretId, prefix and versionStage.',
      ),
    };
  if (name === 'InvalidRequestException')
    return problem(
      'ERR_SECRET_UNSUPPORTED',
      'cannot be changed in its present state',
      'Write a replica in its primary region, and a managed secret through the service that manages it.',
    );
  if (name === 'LimitExceededException')
    return problem(
      'ERR_SECRET_UNSUPPORTED',
      'would exceed a quota of Secrets Manager',
      'Check the quotas of the AWS account.',
    );
  if (name === 'EncryptionFailure')
    return problem(
      'ERR_SECRET_DENIED',
      'cannot be encrypted: its KMS key is disabled, or this caller may not use it',
      "Allow kms:GenerateDataKey on the secret's key.",
    );
  if (name === 'DecryptionFailure' || (/^AccessDenied/.test(name) && /\bkms\b/i.test(message)))
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
    `could not be read: the answer is not one of Secrets Manager${status === undefined ? '' : ` (status ${status})`}`,
    wrongEndpoint,
  );
}
