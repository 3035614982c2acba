/**
 * Where the API is, and who asks: what a pod finds in its environment and in the folder of its service account, unless the
 * options say otherwise (https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/).
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SecretError, type SecretSetting } from '@keyfall/core/provider';

/** Where Kubernetes puts a pod's token, its namespace and the authority of the API. */
const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The options that say where and who. */
export interface ClusterOptions {
  readonly namespace?: string | undefined;
  readonly address?: string | undefined;
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly caFile?: string | undefined;
}

/** The API, as the options and the environment have it. */
export interface Cluster {
  /** The origin of the API. */
  readonly origin: string;
  /** Certificates that are trusted in the place of Node's own. */
  ca(): Promise<string | undefined>;
  /**
   * Read from its file for each request: Kubernetes replaces it within the hour. `undefined`: an address on this machine
   * needs none, as that of `kubectl proxy`.
   */
  token(): Promise<string | undefined>;
  namespace(): Promise<string>;
}

/** Whether the API may be asked there without TLS. */
export function isLocal(hostname: string): boolean {
  return /^(?:127(?:\.\d{1,3}){3}|localhost|\[::1\])$/.test(hostname);
}

/**
 * Reads the environment; the files are read when they are asked for.
 *
 * @throws `ERR_SECRET_CONFIG` with `isMissing` outside of a pod, if no option names the address
 */
export function clusterOf(options: ClusterOptions, provider: string): Cluster {
  const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '443' } = process.env;
  const { address = host && `https://${host.includes(':') ? `[${host}]` : host}:${port}` } =
    options;
  if (!URL.canParse(address))
    throw new SecretError(
      'ERR_SECRET_CONFIG',
      'this is no pod (KUBERNETES_SERVICE_HOST is not set), and the option address is missing',
      {
        provider,
        setting: { option: 'address', variable: 'KUBERNETES_SERVICE_HOST', isMissing: host === '' },
        hint: 'On a machine of your own, run `kubectl proxy` and set the address http://127.0.0.1:8001.',
      },
    );
  const { origin, protocol } = new URL(address);
  const isProxy = protocol === 'http:';
  const isPod = options.address === undefined;

  async function textOf(path: string, option: string): Promise<string> {
    try {
      return (await readFile(path, 'utf8')).trim();
    } catch (thrown) {
      const code = String(Object(thrown).code);
      const setting: SecretSetting = { option, isMissing: code === 'ENOENT' };
      throw new SecretError(
        'ERR_SECRET_CONFIG',
        `the file ${path} could not be read (${/^[A-Z]+$/.test(code) ? code : 'no code'})`,
        {
          provider,
          setting,
          hint: `Mount a service account into the pod, or set the option ${option}.`,
        },
      );
    }
  }

  return {
    origin,
    async ca() {
      const path = options.caFile ?? (isPod ? join(serviceAccount, 'ca.crt') : undefined);
      return path === undefined ? undefined : textOf(path, 'caFile');
    },
    async token() {
      const { tokenFile = isPod ? join(serviceAccount, 'token') : undefined } = options;
      if (options.token === undefined && tokenFile === undefined) {
        if (isProxy) return undefined;
        throw new SecretError('ERR_SECRET_CONFIG', 'there is no token for the API of Kubernetes', {
          provider,
          setting: { option: 'token', isMissing: true },
          hint: 'Set the option token or tokenFile.',
        });
      }
      const token = options.token ?? (await textOf(tokenFile ?? '', 'tokenFile'));
      if (/^[\x21-\x7e]+$/.test(token)) return token;
      const option = options.token === undefined ? 'tokenFile' : 'token';
      throw new SecretError('ERR_SECRET_CONFIG', `the option ${option} gives no bearer token`, {
        provider,
        setting: { option },
        hint: 'It is one line of ASCII.',
      });
    },
    namespace: async () =>
      options.namespace ??
      (isPod ? textOf(join(serviceAccount, 'namespace'), 'namespace') : 'default'),
  };
}
