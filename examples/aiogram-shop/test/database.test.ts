import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { createCarts } from '../src/cart.ts';
import { catalogue } from '../src/catalogue.ts';
import { type Database, openDatabase } from '../src/database.ts';

const [product] = catalogue;
if (product === undefined) throw new Error('The catalogue is empty.');

let file: string;
let lines: string[];
beforeEach(async () => {
  file = join(await testFolder(), 'da ta#?%', 'database.db');
  lines = [];
});

/** Opens the file with this password; what Vault held before are the others. */
const openWith = (password: string | undefined, ...earlier: string[]): Promise<Database> =>
  openDatabase(
    file,
    password === undefined
      ? undefined
      : {
          password,
          async *earlier() {
            yield* earlier;
          },
        },
    (line) => lines.push(line),
  );

function placeOrder(database: Database): number | undefined {
  const carts = createCarts(database);
  carts.add(800, product as never);
  return carts.order(800)?.number;
}

async function closedWithOrder(password: string | undefined): Promise<void> {
  const database = await openWith(password);
  placeOrder(database);
  database.close();
}

/** Ends a program in a transaction whose pages are in the file already, so that its journal is needed. */
async function crashIn(path: string): Promise<void> {
  const program = `
    const database = new (require('libsql'))(process.argv[1], { encryptionKey: 'canary-one' });
    database.pragma('cache_size = 1');
    database.exec('BEGIN');
    database.exec('UPDATE orders SET total = 0');
    for (let row = 0; row < 500; row += 1)
      database.prepare('INSERT INTO order_lines VALUES (1, ?, 1, 1)').run('x'.repeat(500));
    process.kill(process.pid, 'SIGKILL');`;
  const { signal } = spawnSync(process.execPath, ['-e', program, path], {
    cwd: import.meta.dirname,
  });
  expect(signal).toBe('SIGKILL');
  expect(await readdir(dirname(path))).toContain(`${basename(path)}-journal`);
}

describe('a database with DB_ENCRYPTION', () => {
  it('is nothing but noise in its file, and opens with its password alone', async () => {
    await closedWithOrder('canary-one');
    const bytes = await readFile(file, 'latin1');
    expect(bytes).not.toMatch(/SQLite|orders|canary/);
    await expect(openWith('canary-two')).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFIG',
      message: expect.stringMatching(/^DB_PASS does not open .*database\.db/),
    });
    await expect(openWith(undefined)).rejects.toThrow(/is encrypted, or no database/);
    const database = await openWith('canary-one');
    expect(placeOrder(database)).toBe(2);
    database.close();
  });

  it.each(['it\'s "quoted";--', 'ü🗝\u0001', 'x'.repeat(300)])(
    'goes from one password to another while it is used (%#)',
    async (password) => {
      const database = await openWith('canary-one');
      expect(placeOrder(database)).toBe(1);
      expect(database.changePassword(password)).toBe(true);
      expect(database.changePassword(password)).toBe(false);
      expect(placeOrder(database)).toBe(2);
      database.close();
      await expect(openWith('canary-one')).rejects.toThrow(/DB_PASS/);
      const again = await openWith(password);
      expect(placeOrder(again)).toBe(3);
      again.close();
      expect(await readdir(dirname(file))).toEqual([basename(file)]);
    },
  );

  it('opens with an earlier password if it changed in between, and has the new one then', async () => {
    await closedWithOrder('canary-one');
    const database = await openWith('canary-three', 'canary-two', 'canary-one', 'canary-zero');
    expect(placeOrder(database)).toBe(2);
    database.close();
    const again = await openWith('canary-three');
    expect(placeOrder(again)).toBe(3);
    again.close();
    expect(lines).toHaveLength(2);
    expect(lines.join()).not.toContain('canary');
  });

  it('has what was committed before a crash, although the password changed before the next start', async () => {
    await closedWithOrder('canary-one');
    await crashIn(file);
    const database = await openWith('canary-two', 'canary-one');
    expect(database.all('SELECT total FROM orders')).toEqual([{ total: product.price }]);
    expect(database.all('SELECT count(*) AS lines FROM order_lines')).toEqual([{ lines: 1 }]);
    expect(database.all('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
    database.close();
  });

  it('is not disturbed by what a crash has left of an earlier change', async () => {
    const database = await openWith('canary-one');
    placeOrder(database);
    await copyFile(file, `${file}.reencrypted`);
    await crashIn(`${file}.reencrypted`);
    expect(placeOrder(database)).toBe(2);
    expect(database.changePassword('canary-two')).toBe(true);
    expect(placeOrder(database)).toBe(3);
    database.close();
    expect(await readdir(dirname(file))).toEqual([basename(file)]);
  });

  it('keeps its password where the copy cannot be made', async () => {
    const database = await openWith('canary-one');
    placeOrder(database);
    await mkdir(`${file}.reencrypted`);
    expect(() => database.changePassword('canary-two')).toThrow();
    expect(placeOrder(database)).toBe(2);
    database.close();
  });
});

describe('a database without', () => {
  it('is a file of SQLite, and has no password to change', async () => {
    const database = await openWith(undefined);
    expect(placeOrder(database)).toBe(1);
    expect(database.changePassword('canary-one')).toBe(false);
    database.close();
    expect(await readFile(file, 'latin1')).toMatch(/^SQLite format 3\0/);
    await expect(openWith('canary-one')).rejects.toThrow(/is not encrypted, and DB_ENCRYPTION/);
  });

  it('is not made of a file that is something else', async () => {
    await closedWithOrder(undefined);
    await writeFile(
      file,
      'These are notes, and more than a hundred characters of them. '.repeat(9),
    );
    await expect(openWith(undefined)).rejects.toThrow(/no database/);
  });
});
