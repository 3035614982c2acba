/**
 * What `status` and `doctor` show about a file: who can open it, whether we can, and whether other users can read the key
 * files.
 */
import { stat } from 'node:fs/promises';
import {
  failedCheck,
  isSecretError,
  type ProviderCheck,
  type ReadContext,
  type SecretError,
} from '@keyfall/core/provider';
import { decodeText, readBytes } from '@keyfall/core/provider/files';
import { keyFilesOf } from './keys/age-keys.ts';
import {
  dataKeyOf,
  openSops,
  type ReadFile,
  readSops,
  type SopsSource,
} from './reading/open-sops.ts';
import { decryptBySops } from './reading/sops-binary.ts';
import { sizeLimit } from './reading/sops-source.ts';

/** Checks everything. It does not throw what it is there to find. */
export async function checkSops(
  source: SopsSource,
  { signal }: ReadContext,
): Promise<readonly ProviderCheck[]> {
  const checks: ProviderCheck[] = [];
  const find = async <T>(subject: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (!isSecretError(error)) throw error;
      checks.push(failing(subject, error));
      return undefined;
    }
  };
  const bytes = await find('file', () => readBytes(source, sizeLimit));
  if (bytes === undefined && checks.length === 0)
    checks.push({
      subject: 'file',
      state: 'failing',
      message: `${source.shown} does not exist`,
      hint: 'Create it with sops, or with `keyfall snapshot`.',
      code: 'file-missing',
    });
  const read =
    bytes && (await find('file', async () => readSops(source, decodeText(source, bytes))));
  if (read !== undefined && bytes !== undefined) {
    checks.push(...described(source, read));
    const opened = await find('key', () => dataKeyOf(source, read.metadata, signal));
    if (opened === 'sops') {
      const tree = await find('key', () => decryptBySops(source, bytes, signal));
      if (tree !== undefined) checks.push(ready('MAC', 'right, as the sops on PATH says'));
    } else if (opened !== undefined) {
      checks.push(ready('key', 'an age or SSH key opens it'));
      if ((await find('MAC', () => openSops(source, read, opened))) !== undefined)
        checks.push(ready('MAC', 'right: the values are those that sops wrote'));
    }
  }
  for (const file of keyFilesOf(source)) checks.push(...(await modeOf(file)));
  return checks;
}

function described(source: SopsSource, { metadata }: ReadFile): ProviderCheck[] {
  const { groups, threshold, version } = metadata;
  const age = groups.flatMap((group) => group.age.map(({ recipient }) => recipient));
  const others = groups.flatMap((group) => group.others);
  const count = `${age.length} age or SSH ${age.length === 1 ? 'key' : 'keys'}`;
  const services = others.length === 0 ? '' : ` and ${[...new Set(others)].join(', ')}`;
  const shared =
    groups.length > 1 ? `, in ${groups.length} groups of which it takes ${threshold}` : '';
  return [
    ready('file', `${source.shown}, ${source.format.name}, written by sops ${version}`),
    ready('recipients', `${count}${services}${shared}`),
  ];
}

/** A key that other users can read gives them every file that it opens. */
async function modeOf(file: string): Promise<ProviderCheck[]> {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined || process.platform === 'win32') return [];
  const mode = (found.mode & 0o777).toString(8).padStart(3, '0');
  if ((found.mode & 0o077) === 0) return [ready('key file', `${file} has mode ${mode}`)];
  return [
    {
      subject: 'key file',
      state: 'failing',
      message: `${file} has mode ${mode}: others can read it`,
      hint: `chmod 600 ${file}`,
      code: 'readable-by-others',
      facts: { path: file },
    },
  ];
}

function ready(subject: string, message: string): ProviderCheck {
  return { subject, state: 'ready', message };
}

function failing(subject: string, error: SecretError): ProviderCheck {
  const check = failedCheck(subject, error);
  return error.code === 'ERR_SECRET_UNAVAILABLE' ? { ...check, state: 'unknown' } : check;
}
