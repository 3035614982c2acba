/**
 * The versions of one secret.
 */
import type { CallContext } from '@keyfall/aws';
import { eachPage, type Page } from '@keyfall/core/provider';
import { type SecretsManagerCalls, wrongEndpoint } from './secrets-manager-service.ts';
import { currentStage } from './store-settings.ts';

/** What is known of a version without its value. */
export interface VersionFacts {
  readonly id: string;
  readonly createdAt: number | undefined;
  readonly isCurrent: boolean;
}

/** The versions of a secret, newest first, without those that are not in force yet; none if it does not exist. */
export async function listVersions(
  calls: SecretsManagerCalls,
  secretId: string,
  provider: string,
  context: CallContext,
): Promise<VersionFacts[]> {
  const versions: (VersionFacts & { readonly rank: number })[] = [];
  const pageAt = async (NextToken: string | undefined): Promise<Page> => {
    const reply = await calls.call(
      context,
      ({ ListSecretVersionIdsCommand }) =>
        new ListSecretVersionIdsCommand({
          SecretId: secretId,
          IncludeDeprecated: true,
          ...(NextToken && { NextToken }),
        }),
    );
    if (reply.exception === 'not-found' || reply.exception === 'deleted') {
      versions.length = 0;
      return { ids: [], next: undefined };
    }
    if (reply.exception) throw reply.error;
    const { Versions = [], NextToken: next } = reply.output;
    for (const { VersionId: id, CreatedDate, VersionStages = [] } of Versions) {
      const rank = [currentStage, 'AWSPREVIOUS'].findIndex((stage) =>
        VersionStages.includes(stage),
      );
      // a version with another label is prepared by a rotation or a write, and is not history yet
      if (id === undefined || (rank < 0 && VersionStages.length > 0)) continue;
      const createdAt = CreatedDate?.getTime();
      versions.push({ id, createdAt, isCurrent: rank === 0, rank: rank < 0 ? 2 : rank });
    }
    return { ids: Versions.map(({ VersionId = '' }) => VersionId), next };
  };
  await eachPage(pageAt, {
    what: `the list of versions of ${secretId}`,
    provider,
    hint: wrongEndpoint,
  });
  // two versions may have the same second
  return versions.sort(
    (one, other) => one.rank - other.rank || (other.createdAt ?? 0) - (one.createdAt ?? 0),
  );
}
