/**
 * `.sops.yaml`, in which a team may keep the recipients of its files: `sops updatekeys` gives a file those that stand there.
 */
import { dirname, join } from 'node:path';
import { readBytes } from '@keyfall/core/provider/files';
import { keyIn } from './recipients.ts';

/** More than any of these files has. Bytes. */
const configLimit = 1024 * 1024;

/**
 * The path of the nearest `.sops.yaml` at the file or above, if it names a recipient that was removed, or others of the file
 * without one that was added.
 */
export async function sopsConfigToChange(
  path: string,
  {
    recipients,
    added,
    removed,
  }: {
    readonly recipients: readonly string[];
    readonly added: readonly string[];
    readonly removed: readonly string[];
  },
): Promise<string | undefined> {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const config = join(folder, '.sops.yaml');
    const file = { path: config, shown: config, provider: 'sops' };
    const bytes = await readBytes(file, configLimit).catch(() => undefined);
    if (bytes !== undefined) {
      const text = bytes.toString();
      // by the text: what a rule means depends on its syntax, which is the same in no two versions of sops
      const isNamed = (recipient: string) => text.includes(keyIn(recipient));
      const isOld = removed.some(isNamed);
      const lacksNew = recipients.some(isNamed) && !added.every(isNamed);
      return isOld || lacksNew ? config : undefined;
    }
    if (dirname(folder) === folder) return undefined;
  }
}
