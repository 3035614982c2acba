/**
 * The page about GitHub Actions: its workflow is checked by actionlint and zizmor, and its steps run as a runner does it, on a real
 * server that trusts a stand-in for GitHub (`actions-issuer.ts`).
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startVaultServer, temporaryFolder, type VaultServer } from '@keyfall/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { cacheFolder } from '../../packages/testkit/src/servers/provide-once.ts';
import { type ActionsIssuer, startActionsIssuer } from './actions-issuer.ts';
import { runDocument } from './document-run.ts';
import { codeBlocks, root } from './markdown.ts';
import { startProgram } from './started-program.ts';

const page = 'docs/github-actions.md';
const value = 'deploy-token-of-vault';

/** What GitHub says of a job of the page's workflow. */
const claims = {
  sub: 'repo:example/shop:environment:production',
  repository: 'example/shop',
  repository_id: '123456789',
  repository_owner: 'example',
  ref: 'refs/heads/main',
  environment: 'production',
  event_name: 'push',
};

let github: ActionsIssuer;
let vault: VaultServer;
/** The reader's repository. */
let folder: string;
let remove: () => Promise<void>;
let workflow: string;
let blocks: ReturnType<typeof codeBlocks>;

beforeAll(async () => {
  github = await startActionsIssuer();
  for (const [name, text] of Object.entries(github.env)) vi.stubEnv(name, text);
  vault = await startVaultServer({ external: false });
  vi.unstubAllEnvs();
  ({ folder, remove } = await temporaryFolder());
  const text = await readFile(join(root, page), 'utf8');
  blocks = codeBlocks(text);
  await runDocument(
    { path: page, text, blocks },
    {
      server: vault,
      async after({ words }, typed) {
        if (words.get('file') === 'deploy.js')
          // the last of the page
          await cp(typed, folder, { recursive: true, verbatimSymlinks: true });
      },
    },
  );
  await vault.request('POST', 'secret/data/shop-deploy', { data: { DEPLOY_TOKEN: value } });
  workflow = join(folder, '.github/workflows/deploy.yml');
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  const script = '#!/bin/sh\necho "Deploys with $DEPLOY_TOKEN."\n';
  await writeFile(join(folder, 'deploy.sh'), script, { mode: 0o755 });
  const python = 'import os\nprint("Deploys with", os.environ["DEPLOY_TOKEN"])\n';
  await writeFile(join(folder, 'deploy.py'), python);
});
afterAll(() => Promise.all([vault?.stop(), github?.close(), remove?.()]));
beforeEach(() => github.become(claims));

/** Runs the script of a step as a runner does: by bash, in the repository, with the variables of the job. */
async function run(script: string, job: Readonly<Record<string, string>> = github.job) {
  const runner = join(folder, 'runner');
  await mkdir(runner, { recursive: true });
  const file = join(runner, 'step.sh');
  await writeFile(file, script);
  const outputs = join(runner, 'output');
  await writeFile(outputs, '');
  const env = {
    PATH: process.env['PATH'],
    HOME: runner,
    GITHUB_ACTIONS: 'true',
    GITHUB_OUTPUT: outputs,
    ...job,
    VAULT_ADDR: vault.address, // the page's is of another machine
  };
  const program = startProgram('bash', ['-e', file], { cwd: folder, env });
  const code = await program.closed;
  return { code, log: program.output(), outputs: await readFile(outputs, 'utf8') };
}

const deploys = 'npx keyfall run -- ./deploy.sh';

describe('the workflow', () => {
  test('passes actionlint and zizmor, and has the actions that our own have', async () => {
    const tool = promisify(execFile);
    const actionlint = join(cacheFolder('bin'), 'actionlint');
    await tool(actionlint, ['-shellcheck=', '-pyflakes=', workflow]);
    const zizmor = join(cacheFolder('zizmor-1.32.0'), 'bin/zizmor');
    await tool(zizmor, ['--offline', '--quiet', '--pedantic', workflow], {
      env: { ...process.env, PYTHONPATH: cacheFolder('zizmor-1.32.0') },
    });
    const ours = await readFile(join(root, '.github/workflows/ci.yml'), 'utf8');
    const actions = (await readFile(workflow, 'utf8')).match(/uses: .*/g) ?? [];
    expect(actions).toHaveLength(2);
    for (const action of actions) expect(ours).toContain(action);
  });

  test('gives each of its programs the secret, and shows it in no log', async () => {
    const logs: string[] = [];
    for (const { run: script } of parse(await readFile(workflow, 'utf8')).jobs.deploy.steps) {
      // what it installs is there already, since the packages are not on npm yet
      if (script === undefined || script.startsWith('npm ci')) continue;
      const { code, log } = await run(script);
      expect([script, code, log]).toEqual([script, 0, expect.any(String)]);
      logs.push(log);
    }
    expect(logs).toEqual([
      'Deploys with [redacted].\n',
      'Deploys with [redacted]\n',
      `Deploys with a token of ${value.length} characters.\n`,
    ]);
  });

  test('leaves no token behind', async () => {
    const tokens = async () =>
      (await vault.request('LIST', 'auth/token/accessors')).body.data?.['keys'];
    const before = await tokens();
    expect((await run(`${deploys}\nnode deploy.js`)).code).toBe(0);
    expect(await tokens()).toEqual(before);
  });

  test('names an output that GitHub masks', async () => {
    const fragment = blocks.find(({ words }) => words.has('fragment'));
    const [{ run: script }] = parse(fragment?.text ?? '');
    expect(await run(script)).toEqual({
      code: 0,
      log: `::add-mask::${value}\n`,
      outputs: `token=${value}\n`,
    });
  });
});

test('a job of another branch starts nothing, nor does a pull request from a fork, which has no token', async () => {
  github.become({ ...claims, ref: 'refs/heads/feature' });
  expect(await run(deploys)).toMatchObject({
    code: 4,
    log: expect.stringContaining('not authenticated'),
  });
  expect(await run(deploys, {})).toMatchObject({
    code: 2,
    log: expect.stringContaining('id-token: write'),
  });
});

/** Whether Vault lets in a job of which GitHub says this. */
async function isLetIn(change: Readonly<Record<string, string>>): Promise<boolean> {
  github.become({ ...claims, ...change });
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: bearer } = github.job;
  const headers = { authorization: `Bearer ${bearer}` };
  const answer = await fetch(`${url}&audience=https://vault.example.com`, { headers });
  const { value: jwt } = (await answer.json()) as { readonly value: string };
  const body = { role: 'shop-deploy', jwt };
  return (await vault.request('POST', 'auth/jwt/login', body, { allow: [400] })).status === 200;
}

test.each([
  ['another repository', { repository: 'example/other', repository_id: '2' }],
  ['another one that has its name now', { repository_id: '2' }],
  ['another branch', { ref: 'refs/heads/feature' }],
  ['a job without the environment', { environment: '' }],
  ['pull_request_target, whose branch is the main one', { event_name: 'pull_request_target' }],
])('%s is not let in', async (_, change) => {
  expect(await isLetIn({})).toBe(true);
  expect(await isLetIn(change)).toBe(false);
});

test.each([
  ['repository', 'example*', { repository: 'example-of-somebody-else/anything' }],
  ['repository', 'example/*', { repository: 'example/made-tomorrow' }],
  ['sub', 'repo:example/shop:*', { sub: 'repo:example/shop:pull_request' }],
])('%s as the glob %s lets in what the page says', async (claim, pattern, change) => {
  const { body } = await vault.request('GET', 'auth/jwt/role/shop-deploy');
  expect(await isLetIn({ repository_id: '2', ...change })).toBe(false);
  await vault.request('POST', 'auth/jwt/role/shop-deploy', {
    ...body.data,
    bound_claims_type: 'glob',
    bound_claims: { [claim]: pattern },
  });
  expect(await isLetIn({ repository_id: '2', ...change })).toBe(true);
  await vault.request('POST', 'auth/jwt/role/shop-deploy', body.data);
});
