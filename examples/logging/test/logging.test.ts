import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { assertNoLeak, sharedVaultServer, type VaultServer } from '@keyfall/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import { exampleEnvironment } from '../../../test/started-example.ts';

const cwd = fileURLToPath(new URL('..', import.meta.url));

/** What is hard to find, or to mask without a broken line. */
const values: Readonly<Record<string, string>> = {
  PLAIN: 'canary-plain-8c1f',
  QUOTED: 'canary "quoted" \\ back\\slash',
  LINES:
    '-----BEGIN KEY-----\ncanaryLineOne0123456789\ncanaryLineTwo0123456789\n-----END KEY-----\n',
  SIGNS: 'canary/&?=%+ü€\u{1f511}',
  NUMBER: '4815162342',
  JSON: '{"canary":"in a document"}',
};

let server: VaultServer;
let mount: string;
beforeAll(async () => {
  server = await sharedVaultServer();
  mount = await server.mountKv({ version: 2 });
  const data = { ...values, GREETING: values['PLAIN'] };
  await server.request('POST', `${mount}/data/example`, { data });
});

const run = (args: readonly string[]) =>
  promisify(execFile)(process.execPath, args, {
    cwd,
    env: exampleEnvironment({
      VAULT_ADDR: server.address,
      VAULT_TOKEN: server.token,
      VAULT_MOUNT_POINT: mount,
    }),
  });

/** Runs this code with a logger `log`, and every value of the store in `all`. */
const logged = (kind: string, code: string) =>
  run([
    '--input-type=module',
    '--eval',
    `import { secrets } from './secrets.js';
    import { log } from './${kind}.js';
    const all = await secrets.getAll();
    const circle = { value: all.PLAIN };
    circle.circle = circle;
    for (const value of Object.values(all)) { ${code} }`,
  ]);

/** What an application may write about a value by mistake. */
const mistakes = `
  log.info('as it is: ' + value);
  log.info(JSON.stringify({ value }));
  log.warn('in a URL: https://me:' + encodeURIComponent(value) + '@db.test');
  log.warn('in a header: Basic ' + Buffer.from('user:' + value).toString('base64'));
  log.error(new Error('failed with ' + value, { cause: new Error('because of ' + value) }));
`;

/** Each line of an output as JSON. */
function parsed(output: string): readonly unknown[] {
  return output
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** Each value, and each line of it that can be a secret by itself. */
const canaries = Object.values(values).flatMap((value) => [
  value,
  ...value.split('\n').filter((line) => line.startsWith('canary')),
]);

describe('pino', () => {
  const fields = `
    log.info({ value, deep: { list: [value] }, ['key ' + value]: 1 }, 'in fields');
    log.child({ value }).info('in a child');
    log.info({ number: Number(all.NUMBER), circle }, 'with %s and %o', value, { value });
    log.error({ err: new Error(value), request: { headers: { authorization: value } } });`;

  test('writes no secret, and every line is JSON', async () => {
    const { stdout, stderr } = await logged('pino', mistakes + fields);
    expect(parsed(stdout)).toHaveLength(9 * 7);
    expect(stdout).toContain('"number":"[redacted]"');
    assertNoLeak(canaries, stdout, stderr);
  });

  test('nor does it where a transport writes the lines', async () => {
    const transport = `
      const { pino } = await import('pino');
      const transport = { target: 'pino/file' };
      const log = pino({ hooks: { streamWrite: secrets.redact }, transport });`;
    const { stdout, stderr } = await logged('pino', transport + fields);
    expect(parsed(stdout)).toHaveLength(4 * 7);
    assertNoLeak(canaries, stdout, stderr);
  });
});

test('winston writes no secret, and every line is JSON', async () => {
  const fields = `
    log.info('in fields', { value, deep: { list: [value] }, ['key ' + value]: 1 });
    log.child({ value }).info('in a child');
    log.info('with %s and %o', value, { value }, { number: Number(all.NUMBER) });
    log.info('a circle', { circle });
    log.error('with an error', new Error(value));`;
  const { stdout, stderr } = await logged('winston', mistakes + fields);
  expect(parsed(stdout)).toHaveLength(10 * 7);
  expect(stdout).toContain('"number":"[redacted]"');
  assertNoLeak(canaries, stdout, stderr);
});

test('the console writes no secret, and what was JSON is JSON', async () => {
  const lines =
    'console.log(JSON.stringify({ value, number: Number(all.NUMBER), list: [value] }));';
  const json = await logged('console', lines);
  expect(parsed(json.stdout)).toHaveLength(7);
  const fields = `
    log.info('with %s and %o', value, { value });
    log.debug({ value, deep: new Map([[value, [value]]]) }, circle);`;
  const { stdout, stderr } = await logged('console', mistakes + fields);
  expect(stdout).toContain('[redacted]');
  assertNoLeak(canaries, json, stdout, stderr);
});

test.each(['pino', 'winston', 'console'])('the example starts with %s', async (kind) => {
  const { stdout, stderr } = await run(['main.js', kind]);
  expect(stdout).toContain('The greeting is [redacted]');
  assertNoLeak(canaries, stdout, stderr);
});
