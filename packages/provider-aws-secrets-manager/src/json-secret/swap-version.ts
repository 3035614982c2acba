/**
 * A compare-and-swap of a secret's text, which Secrets Manager does not offer as such: the new version is
 * stored without being in force, and then `AWSCURRENT` is moved to it from the version that the change was made
 * from. AWS refuses the move if the label is elsewhere by then
 * (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html).
 */
import { randomUUID } from 'node:crypto';
import type { CallContext } from '@keyfall/aws';
import { isSecretError, SecretError, withApplied } from '@keyfall/core/provider';
import { writtenVersion } from '../api/secrets-manager-service.ts';
import { currentStage } from '../api/store-settings.ts';
import { type JsonDocument, type JsonSecretSettings, readDocument } from './json-document.ts';

/** The label of a version that is stored and not in force yet. There is only one: it moves from write to write. */
const writingStage = 'KEYFALL_WRITE';

/**
 * Puts a new text in force, creating the secret if need be.
 *
 * @param before - the document that the new text was made from
 * @returns the new version, or `undefined` if the secret was changed by another writer since `before`
 */
export async function swapVersion(
  settings: JsonSecretSettings,
  before: JsonDocument,
  text: string,
  context: CallContext,
): Promise<string | undefined> {
  const { calls, provider, secretId } = settings;
  const token = randomUUID();
  const isArn = secretId.startsWith('arn:');
  if (before.absence && !isArn) {
    const created = await calls.change(
      context,
      ({ CreateSecretCommand }) =>
        new CreateSecretCommand({ Name: secretId, SecretString: text, ClientRequestToken: token }),
    );
    if (!created.exception) return writtenVersion(created.output, provider);
    if (created.exception === 'deleted') return undefined;
    // it may exist without a version in force, as infrastructure code leaves it
    if (created.exception !== 'exists') throw created.error;
  }
  const put = await calls
    .change(
      context,
      ({ PutSecretValueCommand }) =>
        new PutSecretValueCommand({
          SecretId: secretId,
          SecretString: text,
          ClientRequestToken: token,
          VersionStages: [writingStage],
        }),
    )
    .catch((error: unknown) => {
      // a version that is not in force changes nothing; but AWS itself puts the very first version in force
      if (before.version === undefined || !isSecretError(error)) throw error;
      throw error.with({ applied: 'no' });
    });
  if (put.exception === 'not-found' && isArn)
    throw new SecretError(
      'ERR_SECRET_UNSUPPORTED',
      `the secret ${secretId} does not exist, and a secret cannot be created by its ARN`,
      { provider, hint: 'Create it first, or give its name as secretId.' },
    );
  // removed since it was read
  if (put.exception === 'not-found' || put.exception === 'deleted') return undefined;
  if (put.exception) throw put.error;
  const isInForce = async () =>
    (await readDocument(settings, context, { VersionStage: currentStage })).version === token;
  const moved = await calls
    .change(
      context,
      ({ UpdateSecretVersionStageCommand }) =>
        new UpdateSecretVersionStageCommand({
          SecretId: secretId,
          VersionStage: currentStage,
          MoveToVersionId: token,
          RemoveFromVersionId: before.version,
        }),
    )
    .catch(async (error) => {
      if (await isInForce().catch(() => false)) return { exception: undefined };
      throw error;
    });
  if (!moved.exception) return token;
  // the SDK may have repeated a move whose answer was lost: then ours is the version in force
  const isOurs = await isInForce().catch((error) => {
    throw withApplied(error, 'unknown');
  });
  return isOurs ? token : undefined;
}
