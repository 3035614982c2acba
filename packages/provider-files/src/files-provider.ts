/**
 * Secrets in files, one file a secret, that another system puts there: Docker and Kubernetes mount them, systemd
 * passes them as credentials, and the variables `NAME_FILE` of official images name them. All of these are read-only for
 * the program, so this provider does not write.
 */
import { basename, dirname, resolve } from 'node:path';
import {
  assertOptions,
  failedCheck,
  isSecretError,
  type OptionKinds,
  type ProviderCheck,
  type ReadContext,
  type SecretBatch,
  SecretError,
  type SecretProvider,
  unconfiguredProvider,
} from '@keyfall/core/provider';
import { isExposed } from './exposure.ts';
import {
  listPlaces,
  type PointedFile,
  readPlaces,
  type SecretPlaces,
  type Snapshot,
} from './snapshot.ts';
import { watchFolders } from './watch-folders.ts';

/** Options of {@link filesProvider}. */
export interface FilesProviderOptions {
  /**
   * The folder with one file a secret, named after it; relative to the working directory at the time
   * the provider is made. Or the environment variable that names the folder, such as systemd's
   * `{ variable: 'CREDENTIALS_DIRECTORY' }`; without a value, the folder counts as missing. Default
   * `/run/secrets`, or no folder if there are `variables`.
   */
  readonly directory?: string | { readonly variable: string } | undefined;
  /**
   * Secrets whose file a variable names: for `DB_PASS`, `DB_PASS_FILE` holds the path. A variable
   * that is set wins over the folder.
   */
  readonly variables?: readonly string[] | undefined;
  /** Names whose files hold bytes: their value is base64 (RFC 4648 §4, padded). */
  readonly binary?: readonly string[] | undefined;
  /**
   * `remove` (the default) removes one line break, LF or CRLF, at the end of a text: editors and `echo` put one
   * there. `keep` keeps it.
   */
  readonly trailingNewline?: 'remove' | 'keep' | undefined;
  /** Whether a link in the folder may lead to a file outside it. Default `inside`: it may not. */
  readonly links?: 'inside' | 'anywhere' | undefined;
  /** Where variables are looked up. Default: `process.env`, at each read. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Unique in the chain. Default `files`. */
  readonly name?: string | undefined;
}

const optionKinds: OptionKinds<FilesProviderOptions> = {
  directory: 'anything',
  variables: 'a list of texts',
  binary: 'a list of texts',
  trailingNewline: ['remove', 'keep'],
  links: ['inside', 'anywhere'],
  env: 'an object',
  name: 'text',
};

/**
 * A provider over a folder with one file a secret, over files that variables name, or both.
 *
 * A read never mixes files from before and after the swap of a Kubernetes volume. A missing folder is a missing
 * document; a file that may not be read is an error of its own name only.
 *
 * @throws `ERR_SECRET_CONFIG` naming the option that is wrong
 * @example
 * ```ts
 * import { createSecrets } from '@keyfall/core';
 * import { filesProvider } from '@keyfall/provider-files';
 *
 * const secrets = createSecrets({ providers: [filesProvider({ directory: '/run/secrets' })] });
 * const password = await secrets.get('db_password'); // what is in /run/secrets/db_password
 * ```
 */
export function filesProvider(options: FilesProviderOptions = {}): SecretProvider {
  assertOptions(options, 'filesProvider', optionKinds);
  const { name: provider = 'files', binary = [], variables = [] } = options;
  const { directory = variables.length === 0 ? '/run/secrets' : undefined } = options;
  checkOptions(options, provider);
  // one that is there and undefined comes from a variable that was not set: the default would be another folder
  if ('directory' in options && options.directory === undefined)
    return unconfiguredProvider(
      'files',
      new SecretError('ERR_SECRET_CONFIG', 'the option directory is undefined', {
        provider,
        setting: { option: 'directory', isMissing: true },
        hint: "Write { variable: 'NAME' } instead of process.env.NAME, or leave it out.",
      }),
    );
  const forms = { binary, keepNewline: options.trailingNewline === 'keep' };
  const placesNow = placesOf(options, directory, provider);
  const warnedOf = new Set<string>();

  async function warnOnce(entries: Snapshot['entries'], context: ReadContext): Promise<void> {
    const exposed: string[] = [];
    const marked: string[] = [];
    for (const [name, entry] of entries) {
      if (isSecretError(entry) || warnedOf.has(name)) continue;
      warnedOf.add(name);
      if (await isExposed(entry)) exposed.push(name);
      if (entry.record.value.startsWith('\uFEFF')) marked.push(name);
    }
    if (exposed.length > 0)
      context.warn(`${listed(exposed)} can be read by other users: run chmod 600 on the files`);
    // Tools of Windows put one there. It is invisible, and makes a password wrong.
    if (marked.length > 0)
      context.warn(
        `the value of ${listed(marked)} begins with a byte order mark: save the files without it`,
      );
  }

  return {
    name: provider,
    store: storeOf(directory, variables),
    place: { kind: 'files', paths: pathsOf(directory, variables) },

    async read(names, context): Promise<SecretBatch> {
      const places = placesNow();
      const { entries, base, stamp } = await readPlaces(places, names, forms, context);
      const stamped = stamp === undefined ? {} : { stamp };
      await warnOnce(entries, context);
      const missing = base === undefined ? missingText(directory, variables) : '';
      if (missing !== '' && places.pointed.size === 0) {
        // It is normal that no variable is set.
        const missingDocument = { description: missing, optional: directory === undefined };
        return { entries: new Map(), complete: true, missingDocument, ...stamped };
      }
      if (missing !== '' && directory !== undefined) context.warn(missing);
      const records = new Map(
        [...entries].map(([name, each]) => [name, isSecretError(each) ? each : each.record]),
      );
      return { entries: records, complete: names === 'all', ...stamped };
    },

    list: (context) => listPlaces(placesNow(), context),

    async check(context): Promise<readonly ProviderCheck[]> {
      const places = placesNow();
      try {
        const { entries, base } = await readPlaces(places, 'all', forms, context);
        const missing = base === undefined ? missingText(directory, variables) : '';
        return [
          missing === '' || places.pointed.size > 0
            ? { subject: 'files', state: 'ready', message: `holds ${listed([...entries.keys()])}` }
            : {
                subject: 'files',
                state: 'failing',
                message: missing,
                hint: 'Mount the folder, or correct the option directory.',
                code: 'directory-missing',
              },
          ...(await findingsOf(entries)),
        ];
      } catch (error) {
        if (!isSecretError(error)) throw error;
        return [failedCheck('files', error)];
      }
    },

    watch(onChange, signal): Promise<void> {
      const { folder, pointed } = placesNow();
      return watchFolders(
        [
          ...(folder ? [{ path: folder.path, names: 'all' } as const] : []),
          ...[...pointed.values()].map((each) => ({ path: each.folder.path, names: [each.file] })),
        ],
        onChange,
        signal,
      );
    },
  };
}

async function findingsOf(entries: Snapshot['entries']): Promise<ProviderCheck[]> {
  const findings: ProviderCheck[] = [];
  for (const [name, entry] of entries) {
    const subject = `file of ${shown(name)}`;
    if (isSecretError(entry)) {
      findings.push(failedCheck(subject, entry));
    } else if (await isExposed(entry))
      findings.push({
        subject,
        state: 'failing',
        message: `${entry.path} can be read by other users`,
        hint: `chmod 600 ${entry.path}`,
        code: 'readable-by-others',
        facts: { path: entry.path },
      });
  }
  return findings;
}

/** Where to look, found out at each call: variables may change. */
function placesOf(
  { env, links = 'inside', variables = [] }: FilesProviderOptions,
  directory: FilesProviderOptions['directory'],
  provider: string,
): () => SecretPlaces {
  const fixed = typeof directory === 'string' ? resolve(directory) : undefined;
  return () => {
    const now = env ?? process.env;
    const path = typeof directory === 'object' ? now[directory.variable] : directory;
    // The variable is shown and not its value, which may be anything.
    const shown = typeof directory === 'object' ? `$${directory.variable}` : (directory ?? '');
    const folder = path ? { path: fixed ?? resolve(path), shown, provider, links } : undefined;
    const pointed = new Map<string, PointedFile>();
    for (const name of variables) {
      const variable = `${name}_FILE`;
      const value = now[variable];
      // An empty variable counts as not set, as in the scripts of the images.
      if (!value) continue;
      const path = resolve(value);
      // The variable says where the file is, so links may lead anywhere.
      const place = {
        path: dirname(path),
        shown: `$${variable}`,
        provider,
        links: 'anywhere',
      } as const;
      pointed.set(name, { folder: place, file: basename(path), variable });
    }
    return { provider, folder, pointed };
  };
}

/** The folder, and the variables that name one or a file: those may say otherwise at any time. */
function pathsOf(
  directory: FilesProviderOptions['directory'],
  variables: readonly string[],
): readonly string[] {
  const folder =
    typeof directory === 'string' ? resolve(directory) : directory && `$${directory.variable}`;
  return [...(folder === undefined ? [] : [folder]), ...variables.map((name) => `$${name}`)];
}

function storeOf(
  directory: FilesProviderOptions['directory'],
  variables: readonly string[],
): string {
  const parts: string[] = [];
  if (directory !== undefined)
    parts.push(typeof directory === 'string' ? directory : `$${directory.variable}`);
  if (variables.length > 0) parts.push(pointersOf(variables));
  return parts.join(' and ');
}

/** What to say if the folder does not exist, and no variable is set. */
function missingText(
  directory: FilesProviderOptions['directory'],
  variables: readonly string[],
): string {
  if (directory === undefined) return `finds none of its variables set: ${pointersOf(variables)}`;
  return typeof directory === 'string'
    ? `has no folder ${directory}`
    : `has no folder: ${directory.variable} is not set, or names none`;
}

function pointersOf(variables: readonly string[]): string {
  return listed(variables.map((name) => `${name}_FILE`));
}

/** A name may be any text. */
function shown(name: string): string {
  return /^[\w.-]+$/.test(name) ? name : JSON.stringify(name);
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'nothing';
  const first = names.slice(0, 5).map(shown).join(', ');
  return names.length > 5 ? `${first} and ${names.length - 5} more` : first;
}

function checkOptions(options: FilesProviderOptions, provider: string): void {
  const configError = (option: keyof FilesProviderOptions, reason: string) => {
    const facts = { provider, setting: { option } };
    return new SecretError('ERR_SECRET_CONFIG', `the option ${option} ${reason}`, facts);
  };
  const { directory, variables = [], binary = [] } = options;
  const isText = (value: unknown) =>
    typeof value === 'string' && value !== '' && !/[\0\r\n]/.test(value);
  const given = typeof directory === 'object' ? directory?.variable : directory;
  if (directory !== undefined && !isText(given))
    throw configError('directory', 'must be a path, or { variable }');
  for (const option of ['variables', 'binary'] as const) {
    const names = option === 'variables' ? variables : binary;
    if (!names.every(isText)) throw configError(option, 'must be a list of names');
  }
}
