/**
 * What the image of `Dockerfile` holds and does, without Docker: its files are put together by the command in it, and the bot
 * and its health check are started as it says, as its user. hadolint looks at it in docs/test/docker.provisioned.test.ts.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '@keyfall/testkit';
import { expect, onTestFinished, test, vi } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { startTelegramStub } from '../src/testing/telegram-stub.ts';
import { canaries, leaksIn, settings } from './fixtures.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const run = promisify(execFile);

/** The words of the last instruction of this kind. */
function instruction(dockerfile: string, kind: string): string {
  const lines = dockerfile.replaceAll(/\\\n\s*/g, '').split('\n');
  return lines.findLast((line) => line.startsWith(`${kind} `))?.slice(kind.length + 1) ?? '';
}

test('the image has the bot and nothing of its sources, and is healthy until it is stopped', async () => {
  const port = await freePort();
  const dockerfile = await readFile(join(root, 'examples/aiogram-shop/Dockerfile'), 'utf8');
  const words = (kind: string) => instruction(dockerfile, kind).replaceAll('5001', `${port}`);

  const folder = await testFolder();
  const shop = join(folder, 'shop');
  const [deploy = ''] = /\S+ -y pnpm.* deploy --prod/.exec(dockerfile) ?? [];
  await run('sh', ['-c', `${deploy} ${shop}`], { cwd: root });
  expect((await readdir(shop)).filter((name) => /^(?:src|test|\.env.*)$/.test(name))).toEqual([]);

  const uid = process.getuid?.() === 0 ? Number(words('USER')) : process.getuid?.();
  await mkdir(join(shop, 'data'));
  if (uid !== undefined) await chown(join(shop, 'data'), uid, uid);
  await chmod(folder, 0o755);

  const telegram = await startTelegramStub({ token: canaries.TOKEN });
  onTestFinished(() => telegram.close());
  const given = Object.fromEntries(
    words('ENV')
      .split(' ')
      .map((pair) => pair.split('=', 2)),
  );
  const start = (kind: string) => {
    const [program = '', ...args] = JSON.parse(words(kind).replace(/^[^[]*/, ''));
    return spawn(program, args, {
      cwd: shop,
      env: {
        PATH: process.env['PATH'],
        ...settings,
        DB_ENCRYPTION: 'true',
        WEBHOOK_HOST: 'https://shop.example',
        TELEGRAM_API_ROOT: telegram.apiRoot,
        ...given,
      },
      ...(uid !== undefined && { uid, gid: uid }),
    });
  };
  const bot = start('CMD');
  let log = '';
  bot.stderr.on('data', (chunk) => {
    log += chunk;
  });
  const ended = once(bot, 'close');
  onTestFinished(() => void bot.kill('SIGKILL'));
  const health = async () => (await once(start('HEALTHCHECK'), 'close'))[0];
  await vi.waitFor(async () => expect(await health(), log).toBe(0), {
    timeout: 30_000,
    interval: 500,
  });
  expect(log).toContain(`listens on 0.0.0.0:${port}/ for Telegram`);
  expect(await readdir(join(shop, 'data'))).toEqual(['database.db']);
  bot.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
  expect(await health()).toBe(1);
  expect(leaksIn(log)).toEqual([]);
});
