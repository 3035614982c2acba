/**
 * One secret whose text is a JSON object. A write is a compare-and-swap, which Secrets Manager does not
 * offer as such: a version is stored without being in force, and then `AWSCURRENT` is moved to it from
 * the version that was merged into. AWS refuses the move if the label is elsewhere by then
 * (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html).
 */
import { randomUUID } from 'node:crypto';
import { isSecretError, SecretError } from '@keyfall/core';
import {
  pollForChanges,
  type ReadContext,
  type SecretBatch,
  type SecretProvider,
  type SecretRecord,
  type SecretVersion,
  withApplied,
} from '@keyfall/core/provider';
import { checked } from './checked.ts';
import { eachPage, type Page } from './each-page.ts';
import { inTurns } from './in-turns.ts';
import { editMembers, JsonSecretError, membersOf } from './json-secret.ts';
import {
  type CallBounds,
  type SecretsManagerCalls,
  stampedBounds,
} from './secrets-manager-calls.ts';
import { currentStage, type StoreSettings } from './store-settings.ts';

/** The label of a version that is written and not yet in force. One for all: it moves from write to write. */
const writingStage = 'KEYFALL_WRITE';

/** Bytes of a secret's text at the most ("Secrets Manager quotas" of the User Guide). */
const sizeLimit = 65_536;

/** How often a write starts over because somebody else wrote meanwhile. */
const mostAttempts = 4;

/** The secret at one version. */
interface Document {
  /** `undefined`: it is not there, or has no version of this label. */
  readonly text: string | undefined;
  readonly version: string | undefined;
  readonly createdAt: number | undefined;
  /** Why it is not there. */
  readonly absence: 'not-found' | 'deleted' | undefined;
}

export function jsonBag(
  calls: SecretsManagerCalls,
  secretId: string,
  settings: StoreSettings,
): SecretProvider {
  const { name: provider, store, place, versionStage, separator } = settings;
  const problem = (
    code: 'ERR_SECRET_INVALID' | 'ERR_SECRET_CONFLICT' | 'ERR_SECRET_UNSUPPORTED',
    what: string,
    hint: string,
    secretName?: string,
  ) => new SecretError(code, what, { provider, hint, secretName });
  const conflict = (what: string, hint: string) =>
    withApplied(problem('ERR_SECRET_CONFLICT', what, hint), 'no');

  async function readDocument(
    context: CallBounds,
    which: { readonly VersionStage: string } | { readonly VersionId: string },
  ): Promise<Document> {
    const reply = await calls.call(context, ({ client, sdk, options, stamping }) =>
      client.send(
        stamping(new sdk.GetSecretValueCommand({ SecretId: secretId, ...which })),
        options,
      ),
    );
    if (reply.exception === 'not-found' || reply.exception === 'deleted')
      return {
        text: undefined,
        version: undefined,
        createdAt: undefined,
        absence: reply.exception,
      };
    if (reply.exception) throw reply.error;
    const { SecretString, VersionId, CreatedDate } = reply.output;
    if (SecretString === undefined)
      throw problem(
        'ERR_SECRET_INVALID',
        `the secret ${secretId} holds bytes and no JSON text`,
        'Read it as one secret a name, with the option prefix.',
      );
    return {
      text: SecretString,
      version: VersionId,
      createdAt: CreatedDate?.getTime(),
      absence: undefined,
    };
  }

  function entriesOf({
    text,
    version,
    createdAt,
  }: Document): Map<string, SecretRecord | SecretError> {
    const members = membersOf(text ?? '{}', separator);
    if (members === undefined)
      throw problem(
        'ERR_SECRET_INVALID',
        `the text of the secret ${secretId} is no JSON object`,
        'Read it as one secret a name, with the option prefix.',
      );
    const facts = {
      ...(version !== undefined && { version }),
      ...(createdAt !== undefined && { createdAt }),
    };
    const entries = new Map<string, SecretRecord | SecretError>();
    for (const [name, member] of members)
      entries.set(
        name,
        member.text === undefined
          ? problem(
              'ERR_SECRET_INVALID',
              `${name} ${member.problem} in the secret ${secretId}`,
              'Store one text under the name.',
              name,
            )
          : { value: member.text, ...facts },
      );
    return entries;
  }

  async function read(_names: unknown, context: ReadContext): Promise<SecretBatch> {
    const { bounds, stamped } = stampedBounds(context);
    const document = await readDocument(bounds, { VersionStage: versionStage });
    if (document.absence) {
      const what = document.absence === 'deleted' ? 'is scheduled for deletion' : 'is not there';
      const description = `has nothing: the secret ${secretId} ${what}`;
      return {
        ...stamped(),
        entries: new Map(),
        complete: true,
        missingDocument: { description, optional: false },
        // a conditional write that creates it
        revision: '',
      };
    }
    return {
      entries: entriesOf(document),
      complete: true,
      ...stamped(),
      ...(document.version !== undefined && { revision: document.version }),
    };
  }

  /** Puts the new text in force, unless the secret is not at `before` any more: then `undefined`. */
  async function replace(
    before: Document,
    text: string,
    context: ReadContext,
  ): Promise<string | undefined> {
    const token = randomUUID();
    const isArn = secretId.startsWith('arn:');
    if (before.absence && !isArn) {
      const created = await calls.change(context, ({ client, sdk, options }) =>
        client.send(
          new sdk.CreateSecretCommand({
            Name: secretId,
            SecretString: text,
            ClientRequestToken: token,
          }),
          options,
        ),
      );
      if (!created.exception) return created.output.VersionId ?? token;
      if (created.exception === 'deleted') return undefined;
      // it may be there without a version in force, as infrastructure code leaves it
      if (created.exception !== 'exists') throw created.error;
    }
    const put = await calls
      .change(context, ({ client, sdk, options }) =>
        client.send(
          new sdk.PutSecretValueCommand({
            SecretId: secretId,
            SecretString: text,
            ClientRequestToken: token,
            VersionStages: [writingStage],
          }),
          options,
        ),
      )
      .catch((error) => {
        // what is not in force changes nothing; the first version of all is put in force by AWS itself
        throw before.version === undefined ? error : unapplied(error);
      });
    if (put.exception === 'not-found' && isArn)
      throw problem(
        'ERR_SECRET_UNSUPPORTED',
        `the secret ${secretId} is not there, and none can be made by an ARN`,
        'Create it first, or give its name as secretId.',
      );
    // taken away meanwhile
    if (put.exception === 'not-found' || put.exception === 'deleted') return undefined;
    if (put.exception) throw put.error;
    const isInForce = async () =>
      (await readDocument(context, { VersionStage: currentStage })).version === token;
    const moved = await calls
      .change(context, ({ client, sdk, options }) =>
        client.send(
          new sdk.UpdateSecretVersionStageCommand({
            SecretId: secretId,
            VersionStage: currentStage,
            MoveToVersionId: token,
            RemoveFromVersionId: before.version,
          }),
          options,
        ),
      )
      .catch(async (error) => {
        if (await isInForce().catch(() => false)) return { exception: undefined };
        throw error;
      });
    if (!moved.exception) return token;
    // the SDK may have repeated a move whose answer was lost: then it is ours that is in force
    const isOurs = await isInForce().catch((error) => {
      throw withApplied(error, 'unknown');
    });
    return isOurs ? token : undefined;
  }

  async function write(
    changes: Parameters<NonNullable<SecretProvider['write']>>[0],
    context: ReadContext,
  ) {
    const { entries, ifRevision } = changes;
    for (let attempts = 0; attempts < mostAttempts; attempts += 1) {
      const before = await readDocument(context, { VersionStage: currentStage });
      if (before.absence === 'deleted')
        // all that it held would be there again
        throw conflict(
          `the secret ${secretId} is scheduled for deletion, and was not written`,
          'Bring it back with `aws secretsmanager restore-secret`, or use another one.',
        );
      const raced = conflict(
        `somebody else wrote the secret ${secretId} since it was read`,
        'Read it again and repeat the change.',
      );
      if (ifRevision !== undefined && ifRevision !== (before.version ?? '')) throw raced;
      const text = edited(before.text ?? '{}', entries);
      const version = await replace(before, text, context);
      if (version !== undefined) return { revision: version, version, conditional: true };
      if (ifRevision !== undefined) throw raced;
    }
    throw conflict(
      `others keep writing the secret ${secretId}: nothing was changed`,
      'Try it again.',
    );
  }

  function edited(before: string, entries: ReadonlyMap<string, string | null>): string {
    let text: string;
    try {
      text = editMembers(before, entries, separator);
    } catch (error) {
      if (!(error instanceof JsonSecretError)) throw error;
      throw problem(
        'ERR_SECRET_UNSUPPORTED',
        `the secret ${secretId} was not written: ${error.message}`,
        'Mend it by hand first.',
      );
    }
    const size = Buffer.byteLength(text);
    if (size > sizeLimit)
      throw problem(
        'ERR_SECRET_UNSUPPORTED',
        `the secret ${secretId} would have ${size} bytes, of ${sizeLimit} that AWS takes, and was not written`,
        'Spread the names over several secrets.',
      );
    return text;
  }

  /** What a version holds: no name, if it is of a time before the secret was a JSON object. */
  async function entriesOfVersion(id: string, context: ReadContext) {
    try {
      const document = await readDocument(context, { VersionId: id });
      return document.absence ? undefined : entriesOf(document);
    } catch (error) {
      if (isSecretError(error, 'ERR_SECRET_INVALID')) return new Map<string, never>();
      throw error;
    }
  }

  async function history(name: string, context: ReadContext): Promise<SecretVersion[]> {
    const found = await versionsOf(calls, secretId, provider, context);
    const held = new Map<string, Awaited<ReturnType<typeof entriesOfVersion>>>();
    await inTurns(found, async ({ id }) => void held.set(id, await entriesOfVersion(id, context)));
    const versions: SecretVersion[] = [];
    for (const { id, createdAt, isCurrent } of found) {
      const entries = held.get(id);
      if (entries === undefined) continue; // taken away by AWS meanwhile
      versions.push({
        version: id,
        ...(createdAt !== undefined && { createdAt }),
        state: isCurrent ? 'current' : 'previous',
        held: entries.has(name),
      });
    }
    return versions;
  }

  /** What is another text once another version is in force, or the secret comes or goes. */
  async function stateOf(context: CallBounds): Promise<string> {
    const reply = await calls.call(context, ({ client, sdk, options }) =>
      client.send(new sdk.DescribeSecretCommand({ SecretId: secretId }), options),
    );
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
    // the version of another label is somebody's rotation, or history
    ...(versionStage === currentStage && {
      write: (changes, context) =>
        write(changes, context).catch((error: unknown) => {
          // what may have changed something says so itself
          throw withApplied(error, 'no');
        }),
    }),
    history,
    async readVersion(name, version, context) {
      const entry = entriesOf(await readDocument(context, { VersionId: version })).get(name);
      if (entry instanceof SecretError) throw entry;
      return entry;
    },
    async check(context) {
      const checks = await checked('secret', async () => {
        const { entries, missingDocument } = await read([], context);
        if (!missingDocument)
          return {
            state: 'ready',
            message: `the secret ${secretId} is there, with ${entries.size} ${entries.size === 1 ? 'name' : 'names'}`,
          };
        return {
          state: 'failing',
          message: missingDocument.description,
          hint: 'Check the option secretId and the region, or write it: `keyfall set NAME`.',
          code: 'secret-missing',
        };
      });
      const rotation = await checked('rotation', async () => {
        const reply = await calls.call(context, ({ client, sdk, options }) =>
          client.send(new sdk.DescribeSecretCommand({ SecretId: secretId }), options),
        );
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

/** The error of a request that left what is in force as it was, whatever became of it. */
function unapplied(error: unknown): unknown {
  return isSecretError(error) ? error.with({ applied: 'no' }) : error;
}

/** What a version shows without its value. */
interface VersionFacts {
  readonly id: string;
  readonly createdAt: number | undefined;
  readonly isCurrent: boolean;
}

/** The versions of a secret, newest first; without those that are not in force yet. */
export async function versionsOf(
  calls: SecretsManagerCalls,
  secretId: string,
  provider: string,
  context: CallBounds,
): Promise<VersionFacts[]> {
  const versions: (VersionFacts & { readonly rank: number })[] = [];
  const pageAt = async (NextToken: string | undefined): Promise<Page> => {
    const reply = await calls.call(context, ({ client, sdk, options }) =>
      client.send(
        new sdk.ListSecretVersionIdsCommand({
          SecretId: secretId,
          IncludeDeprecated: true,
          ...(NextToken && { NextToken }),
        }),
        options,
      ),
    );
    if (reply.exception === 'not-found' || reply.exception === 'deleted') {
      versions.length = 0;
      return { ids: [], next: undefined };
    }
    if (reply.exception) throw reply.error;
    for (const { VersionId: id, CreatedDate, VersionStages = [] } of reply.output.Versions ?? []) {
      const rank = [currentStage, 'AWSPREVIOUS'].findIndex((stage) =>
        VersionStages.includes(stage),
      );
      // what a rotation or a write prepares is nobody's history yet
      if (id === undefined || (rank < 0 && VersionStages.length > 0)) continue;
      const isCurrent = rank === 0;
      versions.push({
        id,
        createdAt: CreatedDate?.getTime(),
        isCurrent,
        rank: rank < 0 ? 2 : rank,
      });
    }
    const ids = (reply.output.Versions ?? []).map(({ VersionId = '' }) => VersionId);
    return { ids, next: reply.output.NextToken };
  };
  await eachPage(pageAt, `the list of versions of ${secretId}`, provider);
  // two versions may be of one second
  return versions.sort(
    (one, other) => one.rank - other.rank || (other.createdAt ?? 0) - (one.createdAt ?? 0),
  );
}
