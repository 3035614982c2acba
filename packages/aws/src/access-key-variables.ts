/**
 * The variables that `keyfall run` keeps from the program that it starts.
 */

/**
 * The variables from which the SDK takes an access key; none if a profile is named, since the SDK goes by that then. The
 * variables that only say where an identity of the machine can be found (`AWS_WEB_IDENTITY_TOKEN_FILE`,
 * `AWS_CONTAINER_CREDENTIALS_*`) are not among them: a program on the same machine has that identity whatever its
 * environment is.
 */
export function accessKeyVariables(): ReadonlySet<string> {
  return process.env['AWS_PROFILE'] ? none : accessKey;
}

const accessKey: ReadonlySet<string> = new Set([
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
]);

const none: ReadonlySet<string> = new Set();
