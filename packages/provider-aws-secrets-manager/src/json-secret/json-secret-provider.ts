/**
 * One secret whose text is a JSON object that holds every name.
 */
import { type CallContext, stampedContext } from '@keyfall/aws';
import {
  checked,
  forEachLimited,
  isSecretError,
  pollForChanges,
  type ReadContext,
  type SecretBatch,
  SecretError,
  type SecretErrorCode,
  type SecretProvider,
  type SecretVersion,
  withApplied,
} from '@keyfall/core/provider';
import { listVersions } from '../api/list-versions.ts';
import type { SecretsManagerCalls } from '../api/secrets-manager-service.ts';
import { currentStage, type StoreSettings, sizeLimit } from '../api/store-settings.ts';
import { entriesOf, type JsonSecretSettings, readDocument } from './json-document.ts';
import { editMembers, JsonSecretError } from './json-members.ts';
import { swapVersion } from './swap-version.ts';

/** How often a write starts over because another writer was faster. */
const maxAttempts = 4;

export function jsonSecretProvider(
  calls: SecretsManagerCalls,
  secretId: string,
  settings: StoreSettings,
): SecretProvider {
  const { name: provider, store, place, versionStage, separator } = settings;
  const secret: JsonSecretSettings = { calls, provider, secretId, separator };
  const notWritten = (code: SecretErrorCode, reason: string, hint: string) =>
    new SecretError(code, reason, { provider, hint, applied: 'no' });

  async function read(_names: unknown, readContext: ReadContext): Promise<SecretBatch> {
    const { context, stamped } = stampedContext(readContext);
    const document = await readDocument(secret, context, { VersionStage: versionStage });
    if (document.absence) {
      const what = document.absence === 'deleted' ? 'is scheduled for deletion' : 'does not exist';
      return {
        ...stamped(),
        entries: new Map(),
        complete: true,
        missingDocument: {
          description: `has nothing: the secret ${secretId} ${what}`,
          optional: false,
        },
        // for a conditional write that creates it
        revision: '',
      };
    }
    return {
      entries: entriesOf(secret, document),
      complete: true,
      ...stamped(),
      ...(document.version !== undefined && { revision: document.version }),
    };
  }

  async function write(
    { entries, ifRevision }: Parameters<NonNullable<SecretProvider['write']>>[0],
    context: ReadContext,
  ) {
    for (let attempts = 0; attempts < maxAttempts; attempts += 1) {
      const before = await readDocument(secret, context, { VersionStage: currentStage });
      if (before.absence === 'deleted')
        // a write would restore all that it held
        throw notWritten(
          'ERR_SECRET_CONFLICT',
          `the secret ${secretId} is scheduled for deletion, and was not written`,
          'Restore it with `aws secretsmanager restore-secret`, or use another secret.',
        );
      const conflict = notWritten(
        'ERR_SECRET_CONFLICT',
        `the secret ${secretId} was written by someone else since it was read`,
        'Read it again and repeat the change.',
      );
      if (ifRevision !== undefined && ifRevision !== (before.version ?? '')) throw conflict;
      const text = editedText(before.text ?? '{}', entries);
      const version = await swapVersion(secret, before, text, context);
      if (version !== undefined) return { revision: version, version, conditional: true };
      if (ifRevision !== undefined) throw conflict;
    }
    throw notWritten(
      'ERR_SECRET_CONFLICT',
      `other writers keep changing the secret ${secretId}, and nothing was written`,
      'Try again.',
    );
  }

  function editedText(before: string, entries: ReadonlyMap<string, string | null>): string {
    let text: string;
    try {
      text = editMembers(before, entries, separator);
    } catch (error) {
      if (!(error instanceof JsonSecretError)) throw error;
      throw notWritten(
        'ERR_SECRET_UNSUPPORTED',
        `the secret ${secretId} was not written: ${error.message}`,
        'Correct its JSON by hand first.',
      );
    }
    const size = Buffer.byteLength(text);
    if (size > sizeLimit)
      throw notWritten(
        'ERR_SECRET_UNSUPPORTED',
        `the secret ${secretId} was not written: it would have ${size} bytes, and AWS allows ${sizeLimit}`,
        'Spread the names over several secrets.',
      );
    return text;
  }

  /** What a version holds. A version from before the secret was a JSON object holds no name. */
  async function entriesOfVersion(id: string, context: ReadContext) {
    try {
      const document = await readDocument(secret, context, { VersionId: id });
      return document.absence ? undefined : entriesOf(secret, document);
    } catch (error) {
      if (isSecretError(error, 'ERR_SECRET_INVALID')) return new Map<string, never>();
      throw error;
    }
  }

  async function history(name: string, context: ReadContext): Promise<SecretVersion[]> {
    const found = await listVersions(calls, secretId, provider, context);
    const entriesById = new Map<string, Awaited<ReturnType<typeof entriesOfVersion>>>();
    await forEachLimited(found, async ({ id }) => {
      entriesById.set(id, await entriesOfVersion(id, context));
    });
    const versions: SecretVersion[] = [];
    for (const { id, createdAt, isCurrent } of found) {
      const entries = entriesById.get(id);
      if (entries === undefined) continue; // removed by AWS since it was listed
      versions.push({
        version: id,
        ...(createdAt !== undefined && { createdAt }),
        state: isCurrent ? 'current' : 'previous',
        held: entries.has(name),
      });
    }
    return versions;
  }

  const describe = (context: CallContext) =>
    calls.call(
      context,
      ({ DescribeSecretCommand }) => new DescribeSecretCommand({ SecretId: secretId }),
    );

  /** A text that changes when another version is in force, and when the secret is created or removed. */
  async function stateOf(context: CallContext): Promise<string> {
    const reply = await describe(context);
    if (reply.exception === 'not-found') return '';
    if (reply.exception) throw reply.error;
    const { VersionIdsToStages = {}, DeletedDate, NextRotationDate } = reply.output;
    const version = Object.entries(VersionIdsToStages).find(([, stages]) =>
      stages.includes(versionStage),
    );
    return `${version?.[0]} ${DeletedDate?.getTime()} ${NextRotationDate?.getTime()}`;
  }

  return {
    name: provider,
    store,
    place,
    atomicity: 'store',
    conditionalWrites: 'always',
    read,
    // a version with another label belongs to a rotation, or is history
    ...(versionStage === currentStage && {
      write: (changes, context) =>
        write(changes, context).catch((error: unknown) => {
          // an error of a request that may have changed something says so already
          throw withApplied(error, 'no');
        }),
    }),
    history,
    async readVersion(name, version, context) {
      const document = await readDocument(secret, context, { VersionId: version });
      const entry = entriesOf(secret, document).get(name);
      if (entry instanceof SecretError) throw entry;
      return entry;
    },
    async check(context) {
      const checks = await checked('secret', async () => {
        const { entries, missingDocument } = await read([], context);
        if (!missingDocument) {
          const count = `${entries.size} ${entries.size === 1 ? 'name' : 'names'}`;
          return { state: 'ready', message: `the secret ${secretId} holds ${count}` };
        }
        return {
          state: 'failing',
          message: missingDocument.description,
          hint: 'Check the option secretId and the region, or create it with `keyfall set NAME`.',
          code: 'secret-missing',
        };
      });
      const rotation = await checked('rotation', async () => {
        const reply = await describe(context);
        if (reply.exception) return { state: 'unknown', message: reply.error.reason };
        const { RotationEnabled, NextRotationDate } = reply.output;
        const next = NextRotationDate ? `, next by ${NextRotationDate.toISOString()}` : '';
        const message = RotationEnabled ? `AWS rotates it${next}` : 'AWS does not rotate it';
        return { state: 'ready', message };
      });
      return [...checks, ...rotation];
    },
    watch: (onChange, signal) =>
      pollForChanges(stateOf, onChange, signal, { provider, interval: settings.pollInterval }),
    async close() {
      calls.close();
    },
  };
}
