/**
 * The file that keeps customers, carts and orders: SQLite in `data/DB_NAME`, encrypted with `DB_PASS` where `DB_ENCRYPTION` is
 * true. libSQL encrypts it (AES-256); unlike SQLCipher's, its binaries come with npm.
 *
 * Two rules keep every order, whatever happens in between. A password is tried on the file as it lies there
 * (`immutable`), since SQLite with a wrong password drops the journal of a transaction that a crash has left. And
 * the password of the file itself is never changed: a copy gets the new one, and takes its place by a rename.
 */
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { SecretError } from '@keyfall/core';
import Sqlite from 'libsql';
import type { Log } from './log.ts';

/** The shop's data. One process at a time has it open. */
export interface Database {
  all<Row>(sql: string, ...values: readonly (number | string)[]): readonly Row[];
  /** Does everything in `work` or nothing. */
  atOnce<Result>(work: () => Result): Result;
  /**
   * Encrypts the file again, within one turn of the event loop: nothing else is done in between. If it throws, the file is as
   * it was. Returns whether there was anything to do: a file that is not encrypted stays so.
   */
  changePassword(password: string): boolean;
  close(): void;
}

/** How a file is encrypted. */
export interface Encryption {
  readonly password: string;
  /** What the password was before, the newest first. */
  earlier(): AsyncIterable<string>;
}

const schema = `
  CREATE TABLE IF NOT EXISTS customers (chat INTEGER UNIQUE);
  CREATE TABLE IF NOT EXISTS cart_lines (customer INTEGER, product TEXT, quantity INTEGER, PRIMARY KEY (customer, product));
  CREATE TABLE IF NOT EXISTS orders (number INTEGER PRIMARY KEY, customer INTEGER, total INTEGER, payment INTEGER UNIQUE, is_paid INTEGER DEFAULT 0);
  CREATE TABLE IF NOT EXISTS order_lines (number INTEGER, product TEXT, quantity INTEGER, price INTEGER);
`;

/**
 * Opens the file, and makes it where there is none. If it has an earlier password, because `DB_PASS` changed while the bot
 * was stopped, it gets the one of now.
 *
 * @throws `ERR_SECRET_CONFIG` if no password opens it, or the switch does not fit; what `earlier` throws
 */
export async function openDatabase(
  file: string,
  encryption: Encryption | undefined,
  log: Log,
): Promise<Database> {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  if (opensWith(encryption?.password, file)) return connect(file, encryption?.password);
  if (encryption === undefined)
    throw unfit(`${file} is encrypted, or no database`, 'Set DB_ENCRYPTION to true, as it was.');
  if (opensWith(undefined, file))
    throw unfit(
      `${file} is not encrypted, and DB_ENCRYPTION is true`,
      'Set it to false, or give DB_NAME the name of a new file.',
    );
  log('DB_PASS does not open the database: looking for an earlier version of it.', 'warn');
  for await (const password of encryption.earlier()) {
    if (!opensWith(password, file)) continue;
    const database = connect(file, password);
    database.changePassword(encryption.password);
    log('An earlier version opened the database, which now has the DB_PASS of now.');
    return database;
  }
  throw unfit(
    `DB_PASS does not open ${file}, and no earlier version of it does`,
    'Store the password that the database had last, start the bot, and change it while the bot runs.',
  );
}

function unfit(message: string, hint: string): SecretError {
  return new SecretError('ERR_SECRET_CONFIG', message, { hint });
}

/** Changes nothing. A file that is not there, or empty, opens with everything. */
function opensWith(password: string | undefined, file: string): boolean {
  if (!existsSync(file)) return true;
  const database = open(`${pathToFileURL(file)}?immutable=1`, password);
  try {
    database.prepare('SELECT count(*) FROM sqlite_master').all();
    return true;
  } catch (error) {
    if (error instanceof Sqlite.SqliteError && error.code === 'SQLITE_NOTADB') return false;
    throw error;
  } finally {
    database.close();
  }
}

function open(file: string, encryptionKey: string | undefined): Sqlite.Database {
  // its types do not know the option
  const options: Sqlite.Options & { encryptionKey?: string } =
    encryptionKey === undefined ? {} : { encryptionKey };
  return new Sqlite(file, options);
}

function connect(file: string, first: string | undefined): Database {
  let password = first;
  let database = open(file, password);
  database.exec(schema);
  return {
    all: <Row>(sql: string, ...values: readonly (number | string)[]) =>
      database.prepare(sql).all(...values) as Row[],
    atOnce: (work) => database.transaction(work)(),
    changePassword(next) {
      if (password === undefined || password === next) return false;
      const copy = `${file}.reencrypted`;
      database.close();
      try {
        reencrypt(file, copy, password, next);
        renameSync(copy, file);
        password = next;
      } finally {
        database = open(file, password);
        for (const left of [copy, `${copy}-journal`]) rmSync(left, { force: true });
      }
      return true;
    },
    close: () => database.close(),
  };
}

function reencrypt(file: string, copy: string, before: string, after: string): void {
  // left by a crash: it would count as the journal of the copy
  rmSync(`${copy}-journal`, { force: true });
  copyFileSync(file, copy);
  const database = open(copy, before);
  try {
    // as hexadecimal digits, so that no character of it means anything in SQL
    database.pragma(`hexrekey = '${Buffer.from(after).toString('hex')}'`);
  } finally {
    database.close();
  }
  if (!opensWith(after, copy)) throw new Error('the copy does not open with its new password');
}
