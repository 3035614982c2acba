/**
 * Logins to Vault as who this process is in AWS: it signs a request that asks AWS for that, and sends it to Vault, which asks
 * in its place. https://developer.hashicorp.com/vault/docs/auth/aws#iam-auth-method
 */
import { type AwsService, accessKeyVariables, awsCalls } from '@keyfall/aws';
import {
  assertOptions,
  isSecretError,
  type OptionKinds,
  SecretError,
} from '@keyfall/core/provider';
import type { VaultAuth } from '@keyfall/provider-vault';

/** An access key of AWS. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of a role. */
  readonly sessionToken?: string | undefined;
}

/** Options of {@link awsIamAuth}. */
export interface AwsIamAuthOptions {
  /** The role of the method. Left out: the one of the same name as the IAM role or user. */
  readonly role?: string | undefined;
  /**
   * Whose STS the request is signed for, which must be the one that the server asks. Default `us-east-1`: that is
   * `sts.amazonaws.com`, as a server does whose config names neither `sts_endpoint` nor `sts_region`.
   */
  readonly region?: string | undefined;
  /** What the server's config has as `iam_server_id_header_value`, so that no other server can use the login. */
  readonly serverId?: string | undefined;
  /** Where the method is enabled. Default `aws`. */
  readonly mount?: string | undefined;
  /**
   * What gives the access key, called for each login: `fromIni(…)` and the like of `@aws-sdk/credential-providers`, or a
   * function of your own. Default: what the AWS SDK finds (variables, profile, web identity, container, instance).
   */
  readonly credentials?: (() => Promise<AwsCredentials>) | undefined;
}

const optionKinds: OptionKinds<AwsIamAuthOptions> = {
  role: 'text',
  region: 'text',
  serverId: 'text',
  mount: 'text',
  credentials: 'a function',
};

/** Nothing is sent to it from here; the SDK may ask it while it looks for credentials. */
const sts: AwsService = {
  name: 'STS',
  exceptions: [],
  optionsHint: 'Check the options region and credentials.',
  endpointHint: 'Check the option credentials, and the profile and variables of AWS.',
};

/** The one region whose STS has a name without it. */
const globalRegion = 'us-east-1';

/** The part of the SDK's request that is used. */
interface SignedRequest {
  readonly protocol: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/**
 * Logs in by the method `aws` of HashiCorp Vault, and of OpenBao with its plugin, as the IAM role or user that this process
 * has. What is sent proves that to the server for 15 minutes; the access key stays here. Every login has a new signature.
 *
 * Making it does no I/O: the first login loads the AWS SDK, which signs.
 *
 * @throws `ERR_SECRET_CONFIG` for an option that there is not, or of another kind. A login without credentials is
 *   `ERR_SECRET_UNAUTHENTICATED`
 * @example
 * ```ts
 * import { vaultProvider } from '@keyfall/provider-vault';
 * import { awsIamAuth } from '@keyfall/vault-aws-iam';
 *
 * const provider = vaultProvider({
 *   path: 'aiogram-shop',
 *   auth: awsIamAuth({ role: 'shop', serverId: 'vault.example.com' }),
 * });
 * ```
 */
export function awsIamAuth(options: AwsIamAuthOptions = {}): VaultAuth {
  assertOptions(options, 'awsIamAuth', optionKinds);
  const { role, region = globalRegion, serverId, mount = 'aws', credentials } = options;
  if (!/^[a-z]{2,}(?:-[a-z]+)+-\d+$/.test(region))
    throw new SecretError(
      'ERR_SECRET_CONFIG',
      'the option region of awsIamAuth is no region of AWS',
      {
        hint: "Name one, such as 'eu-central-1'.",
        setting: { option: 'auth' },
      },
    );

  async function sign(signal: AbortSignal): Promise<SignedRequest> {
    // one for each login: the SDK would keep what it has found for as long as the client lives
    const calls = awsCalls({
      subject: 'the AWS identity of this process',
      service: sts,
      region,
      client: undefined,
      load: () => import('@aws-sdk/client-sts'),
      makeClient: (sdk) =>
        new sdk.STSClient({
          region,
          useGlobalEndpoint: region === globalRegion,
          ...(credentials && { credentials: () => given(credentials) }),
        }),
    });
    let signed: SignedRequest | undefined;
    try {
      await calls.call({ signal }, (sdk) => {
        const command = new sdk.GetCallerIdentityCommand({});
        command.middlewareStack.add(
          (next) => (args) => {
            const { headers } = args.request as SignedRequest;
            if (serverId !== undefined) headers['X-Vault-AWS-IAM-Server-ID'] = serverId;
            return next(args);
          },
          { step: 'build', name: 'keyfallServerId' },
        );
        // behind the signature and in front of the connection: it is the server that sends it
        command.middlewareStack.add(
          () =>
            async ({ request }) => {
              signed = request as SignedRequest;
              return { response: undefined, output: { $metadata: {} } };
            },
          { step: 'deserialize', priority: 'high', name: 'keyfallSigned' },
        );
        return command;
      });
    } finally {
      calls.close();
    }
    return signed as unknown as SignedRequest;
  }

  return {
    name: 'AWS IAM',
    get credentialVariables() {
      return credentials === undefined ? [...accessKeyVariables()] : [];
    },
    async login({ signal }) {
      const { protocol, headers, path, body } = await sign(signal);
      return {
        path: `auth/${mount}/login`,
        body: {
          ...(role !== undefined && { role }),
          iam_http_request_method: 'POST',
          iam_request_url: base64(`${protocol}//${headers['host']}${path}`),
          iam_request_body: base64(body),
          iam_request_headers: base64(JSON.stringify(headers)),
        },
        // whose it is; the rest is another one each time
        credential: `${/Credential=[^/]+/.exec(headers['authorization'] ?? '')} ${headers['x-amz-security-token']}`,
      };
    },
  };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** What the function of the application gives. */
async function given(
  credentials: () => Promise<AwsCredentials>,
): Promise<AwsCredentials & { readonly sessionToken?: string }> {
  let found: unknown;
  try {
    found = await credentials();
  } catch (error) {
    // the SDK's own functions throw what `@keyfall/aws` knows; of another's error the text may hold anything
    const { name, code, $metadata } = Object(error) as Readonly<Record<string, unknown>>;
    if (isSecretError(error) || /ProviderError$/.test(String(name)) || code || $metadata)
      throw error;
    throw new SecretError(
      'ERR_SECRET_UNAVAILABLE',
      'the function that gives the credentials of AWS has failed',
      { hint: 'Let it throw a SecretError to say why.' },
    );
  }
  const { accessKeyId, secretAccessKey } = Object(found) as Readonly<Record<string, unknown>>;
  for (const text of [accessKeyId, secretAccessKey])
    if (typeof text !== 'string' || text === '')
      throw new SecretError(
        'ERR_SECRET_CONFIG',
        'the option credentials of awsIamAuth gives no access key',
        {
          hint: 'Let it return an accessKeyId and a secretAccessKey, and the sessionToken of a role.',
          setting: { option: 'auth' },
        },
      );
  return found as AwsCredentials & { readonly sessionToken?: string };
}
