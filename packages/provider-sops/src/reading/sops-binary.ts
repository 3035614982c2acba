/**
 * The real sops, for files whose key only a service can unwrap: KMS, PGP, Vault's transit engine, age plugins. It is
 * started without a shell, and values pass only through pipes. Its stderr is thrown away, since it may quote decrypted
 * text.
 */
import { spawn } from 'node:child_process';
import { open, readFile, rm } from 'node:fs/promises';
import { SecretError } from '@keyfall/core/provider';
import { decodeText, errnoOf, problem, programFile } from '@keyfall/core/provider/files';
import { parseJson } from '../formats/json-format.ts';
import type { Opened, OpenedTree } from '../tree/decrypt-tree.ts';
import { type Branch, InvalidSops, type Leaf, type Node } from '../tree/sops-tree.ts';
import { environmentFor } from './key-services.ts';
import { refuseSeveral, type SopsSource } from './open-sops.ts';

/** The exit codes of sops that have a meaning of their own (cmd/sops/codes). */
const macMismatch = 51;
const keyNotRetrieved = 128;

/**
 * Decrypts a file's bytes with the real sops.
 *
 * @throws `ERR_SECRET_UNSUPPORTED` if sops is not on PATH, or the file holds several documents;
 *   `ERR_SECRET_UNAUTHENTICATED` if sops does not get the file's key; `ERR_SECRET_INVALID` if it refuses the file; as
 *   {@link environmentFor}
 */
export async function decryptBySops(
  source: SopsSource,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<OpenedTree> {
  refuseSeveral(source, source.format.parse(decodeText(source, bytes)));
  const env = environmentFor(source, bytes);
  const args = ['decrypt', '--input-type', source.format.name, '--output-type', 'json'];
  const output = await runSops(source, env, args, bytes, signal);
  try {
    const root = parseJson(output, true);
    if (root.kind !== 'branch') throw new InvalidSops('is not an object');
    return asItStands([root]);
  } catch {
    throw problem(
      source,
      'ERR_SECRET_INVALID',
      'was decrypted by sops to something that is not JSON',
    );
  }
}

/** A change by its path: the new value, or `null` to delete it. */
export type SopsChange = readonly [path: readonly string[], value: string | null];

/**
 * Changes a file's bytes with the real sops, on an encrypted copy beside `real`. The caller must hold the lock of `real`.
 *
 * @throws as {@link decryptBySops}
 */
export async function changeBySops(
  source: SopsSource,
  real: string,
  bytes: Uint8Array,
  changes: readonly SopsChange[],
  signal: AbortSignal,
): Promise<Buffer> {
  const copy = `${real}.keyfall-sops-tmp`;
  const types = ['--input-type', source.format.name, '--output-type', source.format.name];
  const env = environmentFor(source, bytes);
  try {
    // left behind by a writer that was killed, since we hold the lock
    await rm(copy, { force: true });
    const handle = await open(copy, 'wx', 0o600);
    await handle.writeFile(bytes).finally(() => handle.close());
    for (const [path, value] of changes) {
      const index = path.map((name) => `[${JSON.stringify(name)}]`).join('');
      const verb = value === null ? ['unset', ...types] : ['set', '--value-stdin', ...types];
      const input = value === null ? '' : JSON.stringify(value);
      await runSops(source, env, [...verb, copy, index], Buffer.from(input), signal);
    }
    return await readFile(copy);
  } catch (error) {
    if (error instanceof SecretError) throw error;
    throw problem(source, 'ERR_SECRET_UNAVAILABLE', 'could not be copied for sops to change it');
  } finally {
    await rm(copy, { force: true });
  }
}

/** A tree whose values are the texts of the file as they are. */
export function asItStands(roots: readonly Branch[]): OpenedTree {
  const leaves = new Map<Leaf, Opened>();
  for (const root of roots) gather(root, [], leaves);
  return { roots, leaves, comments: [], mac: '' };
}

function gather(node: Branch | Node, path: readonly string[], leaves: Map<Leaf, Opened>): void {
  if (node.kind === 'leaf') {
    leaves.set(node, { value: node.stored, path, encrypted: true });
    return;
  }
  for (const item of node.items) {
    if (item.kind === 'pair') gather(item.value, [...path, String(item.key)], leaves);
    else if (item.kind !== 'comment') gather(item, path, leaves);
  }
}

function runSops(
  source: SopsSource,
  env: NodeJS.ProcessEnv,
  args: readonly string[],
  input: Uint8Array,
  signal: AbortSignal,
): Promise<string> {
  const program = programFile('sops', env);
  return new Promise((resolve, reject) => {
    if (program === undefined) return reject(notOnPath(source));
    const child = spawn(program, args, {
      env,
      signal,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', (error) => reject(startProblem(source, error, signal)));
    child.on('close', (code) => {
      if (code === 0) resolve(Buffer.concat(chunks).toString());
      else reject(exitProblem(source, code, signal));
    });
    // sops may end before it has read everything; its exit code says why
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

function startProblem(source: SopsSource, error: Error, signal: AbortSignal): SecretError {
  if (signal.aborted) return problem(source, 'ERR_SECRET_ABORTED', 'was not opened: aborted');
  if (errnoOf(error) === 'ENOENT') return notOnPath(source);
  return problem(source, 'ERR_SECRET_UNAVAILABLE', 'could not be opened: sops did not start');
}

function notOnPath(source: SopsSource): SecretError {
  return problem(
    source,
    'ERR_SECRET_UNSUPPORTED',
    'can only be opened by sops itself, which is not on PATH',
    'Install sops, or add an age recipient to the file with `sops rotate --add-age`.',
  );
}

function exitProblem(source: SopsSource, code: number | null, signal: AbortSignal): SecretError {
  if (signal.aborted) return problem(source, 'ERR_SECRET_ABORTED', 'was not opened: aborted');
  const hint = `\`sops decrypt ${source.shown}\` shows what is wrong.`;
  if (code === macMismatch)
    return problem(
      source,
      'ERR_SECRET_INVALID',
      'does not hold what it held when sops wrote it: its MAC does not match',
    );
  if (code === keyNotRetrieved)
    return problem(source, 'ERR_SECRET_UNAUTHENTICATED', 'has a key that sops could not get', hint);
  if (code === null)
    return problem(source, 'ERR_SECRET_UNAVAILABLE', 'was not opened: sops was killed');
  return problem(source, 'ERR_SECRET_INVALID', `is refused by sops (exit ${code})`, hint);
}
