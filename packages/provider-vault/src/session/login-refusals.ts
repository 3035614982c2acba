/**
 * The error for each way in which a server refuses a login.
 */
import { SecretError, type SecretErrorCode, type SecretErrorDetails } from '@keyfall/core/provider';
import type { LoginRefusal } from '../answers/server-words.ts';

/** Which login was refused, and how. */
interface RefusedLogin {
  readonly provider: string;
  readonly origin: string;
  /** `the AppRole login`. */
  readonly method: string;
  readonly status: number;
}

/** Never quotes what the server says: it may repeat what it was sent. */
export function refusalError(
  refusal: LoginRefusal,
  { provider, origin, method, status }: RefusedLogin,
): SecretError {
  const kinds: Readonly<
    Record<LoginRefusal, readonly [code: SecretErrorCode, reason: string, hint: string]>
  > = {
    'no-role': [
      'ERR_SECRET_CONFIG',
      `${origin} has no role of the name in ${method}`,
      'Check the role, and the mount of the login method.',
    ],
    'no-secret-id': [
      'ERR_SECRET_CONFIG',
      `the role of ${method} asks for a secret id, and none was given`,
      'Give the option secretId or wrappedSecretId of appRoleAuth.',
    ],
    'not-configured': [
      'ERR_SECRET_CONFIG',
      `${origin} has the method of ${method}, but it is not configured`,
      'Write its config on the server.',
    ],
    'cannot-ask': [
      'ERR_SECRET_UNAVAILABLE',
      `${origin} cannot reach the service that checks ${method}`,
      "Start the issuer or directory that the method's config names, or let the server reach it.",
    ],
    refused: [
      'ERR_SECRET_UNAUTHENTICATED',
      `${origin} refused ${method} (status ${status})`,
      status === 403
        ? 'The credentials are not accepted, or nothing is mounted at its path, or the server cannot reach the service that checks them.'
        : 'The credentials are wrong, expired or used up, or come from where the role does not allow it.',
    ],
  };
  const [code, reason, hint] = kinds[refusal];
  return loginError(code, reason, { provider, hint, storeStatus: status });
}

/** An error of a login: what is wrong about its configuration is wrong in the option `auth`. */
export function loginError(
  code: SecretErrorCode,
  reason: string,
  details: SecretErrorDetails,
): SecretError {
  const setting = code === 'ERR_SECRET_CONFIG' ? { option: 'auth' } : undefined;
  return new SecretError(code, reason, { setting, ...details });
}
