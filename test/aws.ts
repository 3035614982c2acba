/**
 * What the tests of the providers over AWS share: a real moto that checks signatures and policies, IAM users for the providers under test, and a front
 * before it that can answer as AWS does in states which moto has not.
 */
import { randomUUID } from 'node:crypto';
import { createServer, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  CreateAccessKeyCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  IAMClient,
  PutUserPolicyCommand,
} from '@aws-sdk/client-iam';
import {
  type CuttingProxy,
  cuttingProxy,
  type MotoServer,
  startMotoServer,
} from '@keyfall/testkit';

const region = 'eu-central-1';

interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Somebody with a policy of its own. */
export interface User {
  readonly credentials: Credentials;
  allow(actions: readonly string[]): Promise<void>;
  /** Its access key is deleted. */
  forget(): Promise<void>;
}

/** What the front answers instead of moto; `undefined` lets the request through. */
export type Answer = (action: string, body: string) => Reply | 'cut' | undefined;

export interface Reply {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly requestId?: string;
}

/** How the service under test is asked. */
export interface ServiceUnderTest<Client> {
  /** What its actions begin with in the header `x-amz-target`: `secretsmanager.`. */
  readonly target: string;
  makeClient(options: {
    readonly region: string;
    readonly endpoint: string;
    readonly credentials: Credentials;
    readonly maxAttempts: number;
  }): Client;
}

export interface Aws<Client> {
  readonly region: string;
  /** Where the front is: what providers ask. */
  readonly address: string;
  /** May do everything, straight to moto. */
  readonly admin: Client;
  createUser(actions: readonly string[]): Promise<User>;
  client(credentials: Credentials, address?: string, maxAttempts?: number): Client;
  /** A line of its own to the front. */
  line(): Promise<CuttingProxy>;
  /** Every action that the front has seen, in order. */
  readonly seen: string[];
  answer(answer: Answer | undefined): void;
  stop(): Promise<void>;
}

/** An exception as the services answer it (AWS JSON 1.1 protocol). */
export function exception(name: string, message = '', status = 400) {
  return { status, body: JSON.stringify({ __type: name, Message: message, message }) };
}

export async function startAws<Client>(service: ServiceUnderTest<Client>): Promise<Aws<Client>> {
  const moto: MotoServer = await startMotoServer();
  const root = { accessKeyId: 'AKIAROOT', secretAccessKey: 'root' };
  const clientOf = (credentials: Credentials, endpoint: string, maxAttempts = 2) =>
    service.makeClient({ region, endpoint, credentials, maxAttempts });
  const iam = (credentials: Credentials) =>
    new IAMClient({ region, endpoint: moto.address, credentials });

  async function userOf(by: IAMClient, actions: readonly string[]): Promise<User> {
    const UserName = `user-${randomUUID()}`;
    await by.send(new CreateUserCommand({ UserName }));
    const { AccessKey } = await by.send(new CreateAccessKeyCommand({ UserName }));
    const AccessKeyId = AccessKey?.AccessKeyId ?? '';
    const user: User = {
      credentials: { accessKeyId: AccessKeyId, secretAccessKey: AccessKey?.SecretAccessKey ?? '' },
      async allow(allowed) {
        const Effect = allowed.length > 0 ? 'Allow' : 'Deny';
        const Action = allowed.length > 0 ? allowed : ['*'];
        const PolicyDocument = JSON.stringify({
          Version: '2012-10-17',
          Statement: [{ Effect, Action, Resource: '*' }],
        });
        await by.send(new PutUserPolicyCommand({ UserName, PolicyName: 'own', PolicyDocument }));
      },
      async forget() {
        await by.send(new DeleteAccessKeyCommand({ UserName, AccessKeyId }));
      },
    };
    await user.allow(actions);
    return user;
  }

  const administrator = await userOf(iam(root), ['*']);
  await moto.enforcePolicies(true);
  const powerful = iam(administrator.credentials);

  let instead: Answer | undefined;
  const seen: string[] = [];
  const target = new URL(moto.address);
  const front = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const action = String(incoming.headers['x-amz-target']).replace(service.target, '');
    seen.push(action);
    const own = instead?.(action, body.toString());
    if (own === 'cut') return void incoming.socket.resetAndDestroy();
    if (own !== undefined) return answerWith(outgoing, own);
    const { hostname, port } = target;
    const { method, headers, url: path } = incoming;
    request({ hostname, port, method, headers, path }, async (answer) => {
      const parts: Buffer[] = [];
      for await (const chunk of answer) parts.push(chunk as Buffer);
      const text = Buffer.concat(parts).toString();
      // moto refuses in the XML of another service, where AWS answers JSON
      const refusal = /<Code>(\w+)<\/Code>/.exec(text)?.[1];
      if (refusal !== undefined) return answerWith(outgoing, exception(refusal, '', 400));
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      outgoing.end(text);
    })
      .on('error', () => outgoing.destroy())
      .end(body);
  });
  await new Promise<void>((resolve) => void front.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;

  return {
    region,
    address,
    admin: clientOf(administrator.credentials, moto.address),
    createUser: (actions) => userOf(powerful, actions),
    client: (credentials, endpoint = address, maxAttempts) =>
      clientOf(credentials, endpoint, maxAttempts),
    line: () => cuttingProxy({ target: address }),
    seen,
    answer(answer) {
      instead = answer;
    },
    async stop() {
      front.closeAllConnections();
      front.close();
      await moto.stop();
    },
  };
}

function answerWith(
  response: ServerResponse,
  { status, body, headers, requestId = '3b1f0d0c-6a58-4b44-9d57-2f6f0c6b1a77' }: Reply,
) {
  response.writeHead(status, {
    'content-type': 'application/x-amz-json-1.1',
    'x-amzn-requestid': requestId,
    ...headers,
  });
  response.end(body);
}
