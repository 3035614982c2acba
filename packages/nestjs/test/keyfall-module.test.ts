import 'reflect-metadata';
import { createSecrets, memoryProvider, type Secrets } from '@keyfall/core';
import { vaultProvider } from '@keyfall/provider-vault';
import { assertNoLeak, freePort, sharedVaultServer, type VaultServer } from '@keyfall/testkit';
import {
  Controller,
  type DynamicModule,
  ForbiddenException,
  Get,
  type INestApplication,
  Inject,
  type LoggerService,
  Module,
  type ModuleMetadata,
  type Type,
} from '@nestjs/common';
import { ConfigModule, ConfigService, registerAs } from '@nestjs/config';
import { NestFactory } from '@nestjs/core';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { KeyfallModule, SECRETS } from '../src/index.ts';

const canary = 'canary-value-92c4';

let server: VaultServer;
let mount: string;
beforeAll(async () => {
  server = await sharedVaultServer();
  mount = await server.mountKv({ version: 2 });
  await server.request('POST', `${mount}/data/shop`, { data: { KEY: canary, PORT: '8080' } });
});

function vault(options: object = {}): Secrets {
  const { address, token } = server;
  return createSecrets({
    providers: [vaultProvider({ address, token, mount, path: 'shop', ...options })],
  });
}

/** A controller with a route that needs a secret, and one that fails by itself. */
function controller(): Type {
  class Pay {
    secrets: Secrets;
    constructor(secrets: Secrets) {
      this.secrets = secrets;
    }
    async pay() {
      return { length: (await this.secrets.get('KEY')).length };
    }
    mine() {
      throw new ForbiddenException('not yours');
    }
  }
  for (const name of ['pay', 'mine'] as const) {
    const method = Object.getOwnPropertyDescriptor(Pay.prototype, name);
    Get(name)(Pay.prototype, name, method as PropertyDescriptor);
  }
  Inject(SECRETS)(Pay, undefined, 0);
  Controller()(Pay);
  return Pay;
}

function moduleOf(metadata: ModuleMetadata): Type {
  class Made {}
  Module(metadata)(Made);
  return Made;
}

interface Started {
  readonly app: INestApplication;
  readonly lines: unknown[];
  get(path: string): Promise<Response>;
}

/** An application with this module of a chain, and what it has logged. */
async function start(imports: (DynamicModule | Type | Promise<DynamicModule>)[]): Promise<Started> {
  const lines: unknown[] = [];
  const write = (...line: unknown[]) => void lines.push(line);
  const logger: LoggerService = { log: write, error: write, warn: write };
  const root = moduleOf({ imports, controllers: [controller()] });
  const app = await NestFactory.create(root, { logger });
  onTestFinished(() => app.close());
  await app.listen(0, '127.0.0.1');
  const address = await app.getUrl();
  return { app, lines, get: (path) => fetch(`${address}/${path}`) };
}

test('a chain that there is can be injected', async () => {
  const { app, get, lines } = await start([KeyfallModule.forRoot({ secrets: vault() })]);
  expect(await (await get('pay')).json()).toEqual({ length: canary.length });
  expect(app.get<Secrets>(SECRETS).name).toBe('chain');
  assertNoLeak([canary, server.token], lines);
});

test('a chain can be made of what other modules provide', async () => {
  const settings = () => ({ vault: { path: 'shop' } });
  const { get } = await start([
    KeyfallModule.forRootAsync({
      imports: [ConfigModule.forRoot({ ignoreEnvFile: true, load: [settings] })],
      inject: [ConfigService],
      useFactory: (config: ConfigService) => vault({ path: config.getOrThrow('vault.path') }),
    }),
  ]);
  expect((await get('pay')).status).toBe(200);
});

describe('ConfigModule', () => {
  test('takes all that the chain holds', async () => {
    const secrets = vault();
    const { app } = await start([
      KeyfallModule.forRoot({ secrets }),
      ConfigModule.forRoot({ ignoreEnvFile: true, load: [() => secrets.getAll()] }),
    ]);
    expect(app.get(ConfigService).get('KEY')).toBe(canary);
  });

  test('takes what a schema makes of it, and every problem stops the start', async () => {
    const started = (secrets: Secrets, schema: z.ZodType<object>) =>
      start([
        KeyfallModule.forRoot({ secrets }),
        ConfigModule.forRoot({
          ignoreEnvFile: true,
          load: [registerAs('shop', () => secrets.load(schema))],
        }),
      ]);
    const { app } = await started(vault(), z.object({ KEY: z.string(), PORT: z.coerce.number() }));
    expect(app.get(ConfigService).get('shop.PORT')).toBe(8080);
    const wanted = z.object({ MISSING: z.string(), KEY: z.coerce.number() });
    await expect(
      NestFactory.createApplicationContext(
        ConfigModule.forRoot({ ignoreEnvFile: true, load: [() => vault().load(wanted)] }),
        { abortOnError: false, logger: false },
      ),
    ).rejects.toMatchObject({ issues: [{ name: 'MISSING' }, { name: 'KEY' }] });
  });
});

describe('a request that fails by a secret', () => {
  const denied = async () => {
    const policy = await server.createPolicy('path "nothing" { capabilities = ["read"] }');
    return vault({ token: (await server.createToken({ policies: [policy] })).token });
  };

  test.each([
    ['denied', denied, 503],
    ['not authenticated', async () => vault({ token: 'hvs.unknown' }), 503],
    ['down', async () => vault({ address: `http://127.0.0.1:${await freePort()}` }), 503],
    ['without the name', async () => createSecrets({ providers: [memoryProvider({})] }), 500],
  ])('of a store that is %s', async (_, chain, status) => {
    const { get, lines } = await start([KeyfallModule.forRoot({ secrets: await chain() })]);
    const answer = await get('pay');
    expect(answer.status).toBe(status);
    const body = await answer.json();
    expect(body).toEqual({
      statusCode: status,
      error: status === 503 ? 'Service Unavailable' : 'Internal Server Error',
      message: 'A secret could not be read.',
    });
    expect(lines).toContainEqual([
      expect.stringContaining('KEY'),
      expect.stringContaining('SecretError'),
      'Keyfall',
    ]);
    assertNoLeak([canary, server.token], lines, body);
  });

  test('is not confused with one that fails by itself', async () => {
    const { get } = await start([KeyfallModule.forRoot({ secrets: vault() })]);
    const answer = await get('mine');
    expect([answer.status, await answer.json()]).toMatchObject([403, { message: 'not yours' }]);
  });
});

test('the chain is closed with the application', async () => {
  const secrets = vault();
  const { app, get } = await start([KeyfallModule.forRoot({ secrets })]);
  expect((await get('pay')).status).toBe(200);
  await app.close();
  await expect(secrets.get('KEY')).rejects.toMatchObject({ code: 'ERR_SECRET_ABORTED' });
});

test('other modules can inject it if it is global, or if they import it', async () => {
  const inner = (imports: DynamicModule[] = []) => {
    class Inner {}
    Inject(SECRETS)(Inner, undefined, 0);
    Module({ imports })(Inner);
    return Inner;
  };
  const made = (isGlobal: boolean, inside: (chain: DynamicModule) => Type) => {
    const chain = KeyfallModule.forRoot({ secrets: vault(), isGlobal });
    return NestFactory.createApplicationContext(moduleOf({ imports: [chain, inside(chain)] }), {
      abortOnError: false,
      logger: false,
    }).then((app) => app.close());
  };
  await made(true, () => inner());
  await made(false, (chain) => inner([chain]));
  await expect(made(false, () => inner())).rejects.toThrow(/dependencies/);
});

test.each([
  ['an option that there is not', () => KeyfallModule.forRoot({ secret: 1 } as never)],
  ['an option of another kind', () => KeyfallModule.forRootAsync({ useFactory: 1 } as never)],
])('%s is refused', (_, make) => {
  expect(make).toThrow(expect.objectContaining({ code: 'ERR_SECRET_CONFIG' }));
});
