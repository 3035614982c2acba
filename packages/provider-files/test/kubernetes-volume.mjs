// A Kubernetes secret volume, written as the kubelet writes it: AtomicWriter.Write in
// pkg/volume/util/atomic_writer.go, step by step. As a program it writes version after version into
// the folder that it is given, until it is told to stop.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { argv } from 'node:process';

/** Makes the volume hold exactly these files (`a/b` is a file in a folder), in one step. */
export function writeVolume(volume, files) {
  const old = existsSync(join(volume, '..data')) ? readlinkSync(join(volume, '..data')) : undefined;
  const stamp = new Date().toISOString().slice(0, 19).replace(/[-T:]/g, '_');
  const folder = mkdtempSync(join(volume, `..${stamp}.`));
  chmodSync(folder, 0o755);
  for (const [name, content] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
    chmodSync(join(folder, name), 0o644);
  }
  symlinkSync(basename(folder), join(volume, '..data_tmp'));
  renameSync(join(volume, '..data_tmp'), join(volume, '..data'));
  const visible = new Set([...files.keys()].map((name) => name.split('/')[0]));
  for (const name of visible)
    if (!existsSync(join(volume, name))) symlinkSync(join('..data', name), join(volume, name));
  for (const name of readdirSync(volume))
    if (!name.startsWith('..') && !visible.has(name)) rmSync(join(volume, name));
  if (old !== undefined) rmSync(join(volume, old), { recursive: true });
}

/** The files of a version: many enough that reading them takes a while, and not always the same. */
export function versionFiles(version) {
  const names = ['user', 'password', 'host', 'port', version % 2 === 0 ? 'even' : 'odd'];
  return new Map(names.map((name) => [name, `${name}-${version}`]));
}

if (process.send && argv[2] !== undefined) {
  let version = 1;
  const next = () => {
    writeVolume(argv[2], versionFiles(version++));
    timer = setImmediate(next);
  };
  let timer = setImmediate(next);
  process.on('message', () => {
    clearImmediate(timer);
    process.disconnect();
  });
}
