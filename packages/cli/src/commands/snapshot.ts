/**
 * `keyfall snapshot [FILE]`: what the chain resolves now, in an encrypted file: a fallback that is not
 * plain text. It is encrypted to public keys, so the machine that makes it need not be able to read it.
 */
import { SecretError } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { openChain } from '../chain/cli-chain.ts';
import { resolveSelection } from '../chain/selection.ts';
import { configFile, configuredParts, type SettingsOptions } from '../chain/settings.ts';
import { realPathOf } from '../files/real-path.ts';
import { namesIn } from '../terminal/name-list.ts';
import {
  countNames,
  listNames,
  notice,
  printable,
  printJson,
  report,
} from '../terminal/terminal.ts';
import { waitingFor } from '../terminal/waiting.ts';
import { type Command, json, only } from './command.ts';

interface SnapshotOptions extends SettingsOptions {
  /** Public keys. Default: `SOPS_AGE_RECIPIENTS`, as sops has it. */
  readonly recipient?: readonly string[];
  /** Only these names; each must be there. */
  readonly only?: readonly string[];
  /** Replace the file whatever it is. */
  readonly force?: boolean;
  readonly json?: boolean;
}

/** `encryptSopsFile` of a package that is only installed where it is needed. */
type EncryptSopsFile = (
  path: string,
  values: ReadonlyMap<string, string>,
  options: {
    readonly ageRecipients: readonly string[];
    readonly asSnapshot: boolean;
    readonly replacing: (found: FoundFile) => void;
  },
) => Promise<void>;

/** What stands where the snapshot goes, as that package has it. */
interface FoundFile {
  readonly kind: 'snapshot' | 'sops' | 'other';
  readonly names: readonly string[];
}

const defaultFile = 'secrets.enc.yaml';

/** `keyfall snapshot [FILE]`. */
export const snapshotCommand: Command<SnapshotOptions> = {
  name: 'snapshot',
  summary: 'Write what the chain resolves now into an encrypted file, as a fallback.',
  arguments: [{ name: '[file]', default: defaultFile }],
  options: [
    {
      flags: '--recipient <keys>',
      description: 'who can open it: age1… (default: $SOPS_AGE_RECIPIENTS)',
      isList: true,
    },
    only('these names alone; each must be there'),
    { flags: '--force', description: 'replace the file even if it is not a snapshot' },
    json,
  ],
  examples: ['keyfall snapshot --recipient age1…'],
  run: ([file = defaultFile], options) => takeSnapshot(file, options),
};

/**
 * Writes the file, and returns 0.
 *
 * @throws `ERR_SECRET_CONFIG` without a public key, or for a file name without a known format;
 *   `ERR_SECRET_CONFLICT` if the file is there and is no snapshot; `ERR_SECRET_NOT_FOUND` if there is no
 *   name to write; `ERR_SECRET_UNAVAILABLE` if a provider could not be asked: a snapshot of second-hand values
 *   would outlive the outage
 */
async function takeSnapshot(path: string, options: SnapshotOptions): Promise<number> {
  const recipients = options.recipient ?? namesIn(process.env['SOPS_AGE_RECIPIENTS'] ?? '');
  if (recipients.length === 0)
    throw new SecretError('ERR_SECRET_CONFIG', 'no recipients are configured for the snapshot', {
      hint: 'Make a key with age-keygen -o key.txt, and name its public part: --recipient age1…',
    });
  if (!/\.(ya?ml|json|env|ini)$/.test(path))
    throw new SecretError(
      'ERR_SECRET_CONFIG',
      `the name ${printable(path)} does not say a format`,
      {
        hint: 'Let it end in .yaml, .json, .env or .ini.',
      },
    );
  const config = configFile(options);
  const { packageOf } = await import('../config/make-providers.ts');
  const sops = await packageOf('sops', config);
  const { values, left } = await waitingFor('asking each provider', () => resolved(path, options));
  if (values.size === 0)
    throw new SecretError(
      'ERR_SECRET_NOT_FOUND',
      `there are no secrets to write, and ${printable(path)} was left as it is`,
      {
        hint:
          left.length > 0
            ? `All it would hold will expire: ${listNames(left)}.`
            : '`keyfall explain` shows what each provider holds.',
      },
    );
  const encryptSopsFile = sops['encryptSopsFile'] as EncryptSopsFile;
  await waitingFor('encrypting them', () =>
    encryptSopsFile(path, values, {
      ageRecipients: recipients,
      asSnapshot: true,
      replacing: (found) => {
        if (!options.force) assertReplaceable(path, found, values);
      },
    }),
  );
  const shown = printable(path);
  report(
    `wrote ${countNames(values.size)} to ${shown}, encrypted to ${recipients.length} ${recipients.length === 1 ? 'key' : 'keys'}.`,
  );
  if (left.length > 0)
    notice(`${listNames(left)} will expire, and ${left.length === 1 ? 'is' : 'are'} not in it.`);
  if (options.json) await printJson({ file: path, names: [...values.keys()], left, recipients });
  return 0;
}

/**
 * Makes sure that what is replaced is a snapshot: a configuration that is named by mistake would be gone,
 * and so would what an encrypted file alone holds.
 */
function assertReplaceable(
  path: string,
  { kind, names }: FoundFile,
  values: ReadonlyMap<string, string>,
): void {
  if (kind === 'snapshot') return;
  const lost = names.filter((name) => !values.has(name));
  const gone =
    lost.length > 0 ? listNames(lost) : `its own ${names.length === 1 ? 'value' : 'values'}`;
  throw new SecretError(
    'ERR_SECRET_CONFLICT',
    kind === 'other'
      ? `${printable(path)} exists, and is not an encrypted file`
      : `${printable(path)} is not a snapshot, or was changed since it was one: ${gone} would be lost`,
    { hint: 'Name another file, or pass --force to replace this one.' },
  );
}

/** What the chain holds without the snapshot itself: a name that is gone must not live on in it. */
async function resolved(
  path: string,
  options: SnapshotOptions,
): Promise<{ readonly values: ReadonlyMap<string, string>; readonly left: readonly string[] }> {
  const parts = await configuredParts(options);
  const itself = await realPathOf(path);
  const isItself = async ({ place }: SecretProvider) =>
    place?.kind === 'sops' &&
    (await Promise.all((place.files ?? []).map(realPathOf))).includes(itself);
  const own = await Promise.all(parts.providers.map(({ provider }) => isItself(provider)));
  const chain = openChain({ ...parts, providers: parts.providers.filter((_, at) => !own[at]) });
  try {
    const { secrets, degraded } = await resolveSelection(chain, options.only);
    if (degraded)
      throw new SecretError(
        'ERR_SECRET_UNAVAILABLE',
        `not every provider answered, and ${printable(path)} was left as it is`,
        { hint: 'Take the snapshot when all of them do.' },
      );
    const kept = [...secrets].filter(([, { leased }]) => !leased);
    return {
      values: new Map(kept.map(([name, { value }]) => [name, value])),
      left: [...secrets].filter(([, { leased }]) => leased).map(([name]) => name),
    };
  } finally {
    await chain.secrets.close();
  }
}
