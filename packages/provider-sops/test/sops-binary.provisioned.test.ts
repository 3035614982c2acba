import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isSecretError } from '@keyfall/core';
import {
  assertNoLeak,
  type MotoServer,
  startMotoServer,
  startVaultServer,
  type VaultServer,
} from '@keyfall/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { decryptSopsFile, sopsProvider } from '../src/index.ts';
import {
  fixturePath,
  fixture as fixtureText,
  keyPath,
  nowhere,
  recipientOf,
  secretOf,
} from './fixtures.ts';
import { sops, toolPath } from './real-sops.ts';
import { context, valuesOf } from './store.ts';

// Files whose key only a service can unwrap: gpg, and the transit engine of a real OpenBao.

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'keyfall-sops-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('PGP, through the real sops', () => {
  let home: string;
  let environment: Record<string, string>;
  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), 'keyfall-gpg-'));
    chmodSync(home, 0o700);
    environment = { ...nowhere, PATH: toolPath, GNUPGHOME: home };
    const env = { ...process.env, ...environment };
    const { status } = spawnSync('gpg', ['--batch', '--quiet', '--import', keyPath('pgp.asc')], {
      env,
    });
    expect(status).toBe(0);
  }, 60_000);
  afterAll(() => {
    spawnSync('gpgconf', ['--kill', 'all'], { env: { ...process.env, GNUPGHOME: home } });
    rmSync(home, { recursive: true });
  });

  test.each(['pgp.yaml', 'pgp.env'])('%s is read and changed', async (fixture) => {
    const path = join(folder, fixture);
    copyFileSync(fixturePath(fixture), path);
    const provider = sopsProvider({ path, environment });
    const before = valuesOf(await provider.read('all', context()));
    const some = fixture.endsWith('yaml') ? 'nested.password' : 'TOKEN';
    expect(before[some]).toMatch(/canary/);
    const entries = new Map([
      [some, 'changed "quotes" \n and lines'],
      ['added', 'x'],
      [fixture.endsWith('yaml') ? 'user' : 'UNI', null],
    ]);
    await provider.write?.({ entries }, context());
    const { user: _u, UNI: _n, ...rest } = before;
    expect({ ...valuesOf(await provider.read('all', context())) }).toEqual({
      ...rest,
      [some]: 'changed "quotes" \n and lines',
      added: 'x',
    });
    expect(readFileSync(path, 'utf8')).not.toMatch(/changed/);
    // all but the two that were named, and the MAC, are as sops had written them
    const ciphertexts = (text: string): string[] => text.match(/ENC\[AES256_GCM,\S+/g) ?? [];
    const now = ciphertexts(readFileSync(path, 'utf8'));
    const gone = ciphertexts(fixtureText(fixture)).filter((text) => !now.includes(text));
    expect(gone).toHaveLength(3);
  });

  test('a file that was tampered with is refused, and a missing key is reported', async () => {
    const path = join(folder, 'tampered.yaml');
    const text = readFileSync(fixturePath('pgp.yaml'), 'utf8');
    writeFileSync(path, text.replace('nothing: null', 'nothing: added'));
    await expect(decryptSopsFile(path, { environment })).rejects.toMatchObject({
      code: 'ERR_SECRET_INVALID',
    });
    const empty = mkdtempSync(join(tmpdir(), 'keyfall-gpg-'));
    await expect(
      decryptSopsFile(fixturePath('pgp.yaml'), {
        environment: { ...environment, GNUPGHOME: empty },
      }),
    ).rejects.toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED' });
    spawnSync('gpgconf', ['--kill', 'all'], { env: { ...process.env, GNUPGHOME: empty } });
    rmSync(empty, { recursive: true });
  });

  test('no value is in an argument, in an environment or in a file', async () => {
    const watched = mkdtempSync(join(folder, 'watched-'));
    const path = join(watched, 'secrets.yaml');
    copyFileSync(fixturePath('pgp.yaml'), path);
    // stands before the real one, and writes down all that others could see of its start
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    const log = join(folder, 'seen.txt');
    const real = spawnSync('sh', ['-c', 'command -v sops'], { env: { PATH: toolPath } });
    const lines = ['printf "%s\\n" "$@"', 'env', `cat '${watched}'/* 2>/dev/null`];
    writeFileSync(
      join(bin, 'sops'),
      `#!/bin/sh\n{ ${lines.join('; ')}; } >>'${log}'\nexec '${real.stdout.toString().trim()}' "$@"\n`,
      { mode: 0o755 },
    );
    const provider = sopsProvider({
      path,
      environment: { ...environment, PATH: `${bin}:${toolPath}` },
    });
    const before = valuesOf(await provider.read('all', context()));
    const entries = new Map([
      ['nested.password', 'new-canary'],
      ['added', 'added-canary'],
    ]);
    await provider.write?.({ entries }, context());
    const seen = readFileSync(log, 'utf8');
    expect(seen).toContain('--value-stdin');
    expect(seen).toContain('secrets.yaml.keyfall-sops-tmp');
    assertNoLeak([before['nested.password'] ?? '', 'new-canary', 'added-canary'], seen);
    expect(readdirSync(watched)).toEqual(['secrets.yaml']);
  });

  test.each(['nested.password.below', 'nested', 'nested.list', 'sops', 'sops.mac'])(
    'a write to %s, which would remove other values, is refused, and sops is not quoted',
    async (name) => {
      const path = join(folder, 'refused.yaml');
      copyFileSync(fixturePath('pgp.yaml'), path);
      const provider = sopsProvider({ path, environment });
      const values = Object.values(valuesOf(await provider.read('all', context())));
      const canaries = values.filter((value) => value.includes('canary'));
      const entries = new Map([[name, 'new-canary']]);
      const error = await provider.write?.({ entries }, context()).catch((thrown) => thrown);
      expect(error).toMatchObject({ code: 'ERR_SECRET_UNSUPPORTED', secretName: name });
      assertNoLeak([...canaries, 'new-canary'], error);
      expect(readFileSync(path, 'utf8')).toBe(readFileSync(fixturePath('pgp.yaml'), 'utf8'));
    },
  );

  test('a value that the rules leave unencrypted is written with a warning', async () => {
    const path = join(folder, 'open.yaml');
    copyFileSync(fixturePath('pgp.yaml'), path);
    const warnings: string[] = [];
    const warn = (message: string) => warnings.push(message);
    const entries = new Map([
      ['seen_unencrypted', 'visible'],
      ['hidden', 'secret-canary'],
    ]);
    await sopsProvider({ path, environment }).write?.({ entries }, context({ warn }));
    expect(warnings).toEqual([expect.stringMatching(new RegExp(`^seen_unencrypted .*${path}`))]);
  });

  test('a file that needs both gpg and a key of the options is opened with both', async () => {
    const path = join(folder, 'both.yaml');
    const fingerprint = /fp: (\w+)/.exec(readFileSync(fixturePath('pgp.yaml'), 'utf8'))?.[1];
    const config = join(folder, 'both.sops.yaml');
    writeFileSync(
      config,
      `creation_rules:\n  - shamir_threshold: 2\n    key_groups:\n      - age: [${recipientOf('one.txt')}]\n      - pgp: [${fingerprint}]\n`,
    );
    const made = sops(
      ['--config', config, 'encrypt', '--filename-override', 'both.yaml', '--input-type', 'yaml'],
      { input: 'password: both-canary\n', env: { GNUPGHOME: home } },
    );
    expect(made.status).toBe(0);
    writeFileSync(path, made.output);
    for (const key of [{ ageKeyFile: keyPath('one.txt') }, { ageKey: secretOf('one.txt') }])
      expect(await decryptSopsFile(path, { ...key, environment })).toMatchObject({
        password: 'both-canary',
      });
    const others = { ...environment, SOPS_AGE_KEY: secretOf('one.txt') };
    const refused = decryptSopsFile(path, { ageKeyFile: keyPath('two.txt'), environment: others });
    await expect(refused).rejects.toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED' });
  });
});

describe("AWS's KMS, through the real sops", () => {
  let server: MotoServer;
  let environment: Record<string, string>;
  let arn: string;
  beforeAll(async () => {
    server = await startMotoServer();
    environment = {
      ...nowhere,
      PATH: toolPath,
      AWS_ENDPOINT_URL: server.address,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    };
    const response = await fetch(server.address, {
      method: 'POST',
      headers: {
        'x-amz-target': 'TrentService.CreateKey',
        'content-type': 'application/x-amz-json-1.1',
        authorization:
          'AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/kms/aws4_request, SignedHeaders=host, Signature=test',
      },
      body: '{}',
    });
    const made = (await response.json()) as { KeyMetadata: { Arn: string } };
    arn = made.KeyMetadata.Arn;
  });
  afterAll(() => server.stop());

  test('a file is read and changed, and a missing key is an error of authentication', async () => {
    const path = join(folder, 'kms.yaml');
    const args = ['--filename-override', path, '--input-type', 'yaml'];
    const input = 'password: kms-canary\n';
    const made = sops(['encrypt', '--kms', arn, ...args], { input, env: environment });
    expect(made.status).toBe(0);
    writeFileSync(path, made.output);
    await sopsProvider({ path, environment }).write?.(
      { entries: new Map([['added', 'added-canary']]) },
      context(),
    );
    expect({ ...(await decryptSopsFile(path, { environment })) }).toEqual({
      password: 'kms-canary',
      added: 'added-canary',
    });
    const other = readFileSync(path, 'utf8').replace(/key\/[\w-]+/, 'key/gone');
    writeFileSync(path, other);
    const error = await decryptSopsFile(path, { environment }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED' });
    assertNoLeak(['kms-canary', 'added-canary'], error);
  });
});

describe("Vault's transit engine, through the real sops", () => {
  let server: VaultServer;
  let environment: Record<string, string>;
  beforeAll(async () => {
    server = await startVaultServer({ external: false });
    await server.request('POST', 'sys/mounts/transit', { type: 'transit' });
    await server.request('POST', 'transit/keys/sops', {});
    environment = {
      ...nowhere,
      PATH: toolPath,
      VAULT_ADDR: server.address,
      VAULT_TOKEN: server.token,
    };
  });
  afterAll(() => server.stop());

  test('a file is read and changed, and a refused token is an error of authentication', async () => {
    const path = join(folder, 'transit.yaml');
    const uri = `${server.address}/v1/transit/keys/sops`;
    const made = sops(
      ['encrypt', '--hc-vault-transit', uri, '--filename-override', path, '--input-type', 'yaml'],
      { input: 'password: transit-canary\nport: 5432\n', env: environment },
    );
    expect(made.status).toBe(0);
    writeFileSync(path, made.output);
    const provider = sopsProvider({ path, environment });
    expect({ ...valuesOf(await provider.read('all', context())) }).toEqual({
      password: 'transit-canary',
      port: '5432',
    });
    await provider.write?.({ entries: new Map([['password', 'changed-canary']]) }, context());
    expect(await decryptSopsFile(path, { environment })).toMatchObject({
      password: 'changed-canary',
    });
    expect(readFileSync(path, 'utf8')).not.toMatch(/canary/);
    const refused = { ...environment, VAULT_TOKEN: 'refused-token-canary' };
    const error = await decryptSopsFile(path, { environment: refused }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED' });
    assertNoLeak(['changed-canary', 'refused-token-canary', server.token], error);
  });

  describe('and a file that names another server', () => {
    const token = 'hvs.the-users-token-canary';
    let received: string[];
    let thief: Server;
    let evil: string;
    let home: string;
    beforeAll(async () => {
      thief = createServer((request, response) => {
        received.push(`${request.url} ${JSON.stringify(request.headers)}`);
        response.end('{}');
      });
      await new Promise<void>((resolve) => thief.listen(0, '127.0.0.1', resolve));
      evil = `http://127.0.0.1:${(thief.address() as AddressInfo).port}`;
      home = mkdtempSync(join(folder, 'home-'));
      writeFileSync(join(home, '.vault-token'), token);
    });
    afterAll(() => thief.close());
    beforeEach(() => {
      received = [];
    });

    /** A file of the real sops for the real server, changed as text. */
    const stolen = (name: string, change: (text: string) => string): string => {
      const path = join(folder, name);
      const uri = `${server.address}/v1/transit/keys/sops`;
      const args = ['encrypt', '--hc-vault-transit', uri, '--filename-override', path];
      const input = name.endsWith('.json')
        ? '{"password":"x"}'
        : name.endsWith('.env')
          ? 'A=x\n'
          : 'a: x\n';
      const made = sops(args, { input, env: environment });
      expect(made.status).toBe(0);
      writeFileSync(path, change(made.output));
      return path;
    };
    const all = (text: string) => text.replaceAll(server.address, evil);

    test.each([
      ['stolen.yaml', all],
      ['stolen.json', all],
      ['stolen.env', all],
      [
        'groups.yaml',
        (text: string) => all(text).replace(/^( {4})hc_vault:/m, '$1key_groups:\n    - hc_vault:'),
      ],
      // Go takes each of these for vault_address, and the last one counts
      [
        'case.json',
        (text: string) =>
          text.replace(/("vault_address": "[^"]+")/, `$1, "VAULT_ADDRESS": "${evil}"`),
      ],
      [
        'folded.json',
        (text: string) =>
          text.replace(/("vault_address": "[^"]+")/, `$1, "vault_addre\u017f\u017f": "${evil}"`),
      ],
      ['field.json', (text: string) => all(text).replace('"hc_vault"', '"HC_VAULT"')],
      [
        'userinfo.yaml',
        (text: string) => text.replaceAll(server.address, `${server.address}@${evil.slice(7)}`),
      ],
      [
        'port.yaml',
        (text: string) => text.replaceAll(server.address, evil.replace('127.0.0.1', 'localhost')),
      ],
    ])('%s sends no token anywhere', async (name, change) => {
      const path = stolen(name, change);
      for (const given of [
        { VAULT_TOKEN: token, VAULT_ADDR: server.address },
        { VAULT_TOKEN: token },
        { HOME: home },
      ]) {
        const own = { ...nowhere, PATH: toolPath, ...given };
        const error = await decryptSopsFile(path, { environment: own }).catch((thrown) => thrown);
        expect(isSecretError(error)).toBe(true);
        expect(['ERR_SECRET_CONFIG', 'ERR_SECRET_INVALID']).toContain(error.code);
        assertNoLeak([token], error);
        const entries = new Map([['added', 'x']]);
        const write = sopsProvider({ path, environment: own }).write?.({ entries }, context());
        await expect(write).rejects.toMatchObject({ code: error.code });
      }
      expect(received).toEqual([]);
    });

    test('is opened if keyServers has that server', async () => {
      const path = stolen('word.yaml', (text) => text);
      const { VAULT_ADDR: _, ...withoutAddress } = environment;
      await expect(decryptSopsFile(path, { environment: withoutAddress })).rejects.toMatchObject({
        code: 'ERR_SECRET_CONFIG',
        message: expect.stringContaining(server.address),
        hint: expect.stringContaining('keyServers'),
      });
      const keyServers = [`${server.address}/`];
      expect(
        await decryptSopsFile(path, { environment: withoutAddress, keyServers }),
      ).toMatchObject({ a: 'x' });
    });

    test('would get the token from the real sops alone', () => {
      // what is kept from happening does happen otherwise: a listener that hears nothing proves nothing
      const path = stolen('proof.yaml', all);
      return new Promise<void>((resolve) => {
        const child = spawn('sops', ['decrypt', path], {
          env: { ...nowhere, PATH: toolPath, VAULT_TOKEN: token },
        });
        child.once('close', () => {
          expect(received.join()).toContain(token);
          resolve();
        });
      });
    });

    test('does not give sops a variable that it does not need', async () => {
      const bin = mkdtempSync(join(folder, 'bin-'));
      const log = join(bin, 'environment');
      writeFileSync(join(bin, 'sops'), `#!/bin/sh\nenv >'${log}'\nexit 128\n`, { mode: 0o755 });
      const secrets = {
        VAULT_TOKEN: 'vault-canary',
        AWS_SECRET_ACCESS_KEY: 'aws-canary',
        AZURE_CLIENT_SECRET: 'azure-canary',
        GOOGLE_APPLICATION_CREDENTIALS: 'google-canary',
        GNUPGHOME: 'gpg-canary',
        DATABASE_URL: 'database-canary',
        NPM_TOKEN: 'npm-canary',
        VAULT_ADDR: server.address,
      };
      const own = { ...nowhere, PATH: `${bin}:${process.env['PATH']}`, ...secrets };
      const seen = async (path: string) => {
        await decryptSopsFile(path, { environment: own }).catch(() => {});
        return Object.values(secrets).filter((value) => readFileSync(log, 'utf8').includes(value));
      };
      expect(await seen(stolen('own.yaml', (text) => text))).toEqual([
        'vault-canary',
        server.address,
      ]);
      expect(await seen(fixturePath('pgp.yaml'))).toEqual(['gpg-canary']);
    });
  });
});

describe('a file whose name decides its format', () => {
  const keys = { ageKeyFile: keyPath('one.txt'), environment: nowhere };
  const age = ['--age', recipientOf('one.txt')];
  const env = { SOPS_AGE_KEY_FILE: keyPath('one.txt') };
  /** A file that the real sops encrypts, by its name alone. */
  const encrypted = (name: string, content: string | Buffer) => {
    const path = join(folder, name);
    writeFileSync(path, content);
    expect(sops(['encrypt', '--in-place', ...age, path]).status).toBe(0);
    return path;
  };

  test.each(['token', 'token.txt', '.envrc', 'env', 'secrets.yaml.enc', 'a.JSON', 'plain.toml'])(
    'is one binary value to sops and to us: %s',
    async (name) => {
      const path = encrypted(name, 'A: canary\n\t"quoted" é\n');
      const shown = sops(['decrypt', path], { env }).output;
      expect(await decryptSopsFile(path, keys)).toEqual({ data: shown });
      const asJson = sops(['decrypt', '--output-type', 'json', path], { env }).output;
      expect(await decryptSopsFile(path, keys)).toEqual(JSON.parse(asJson));
      const provider = sopsProvider({ path, ...keys });
      expect(valuesOf(await provider.read('all', context()))).toEqual({ data: shown });
    },
  );

  test('gives bytes that are not text as base64, as every format does', async () => {
    const bytes = Buffer.from([0xff, 0x00, 0x80, 0x41]);
    const path = encrypted('bytes.bin', bytes);
    const provider = sopsProvider({ path, ...keys });
    expect(valuesOf(await provider.read('all', context()))).toEqual({
      data: bytes.toString('base64'),
    });
  });

  test('is refused with several documents, of which sops gives a program the first alone', async () => {
    const path = encrypted('several.yaml', 'first: one-canary\n---\nsecond: two-canary\n');
    const json = sops(['decrypt', '--output-type', 'json', path], { env }).output;
    expect(JSON.parse(json)).toEqual({ first: 'one-canary' });
    const inside = sops(['exec-env', path, 'env'], { env }).output;
    expect(inside).toContain('first=one-canary');
    expect(inside).not.toContain('second=');
    const refused = { code: 'ERR_SECRET_UNSUPPORTED' };
    await expect(decryptSopsFile(path, keys)).rejects.toMatchObject(refused);
    const provider = sopsProvider({ path, ...keys });
    await expect(provider.read('all', context())).rejects.toMatchObject(refused);
  });
});
