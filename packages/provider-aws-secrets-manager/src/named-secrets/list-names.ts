/**
 * The names below a prefix, with a text for each that changes when the secret does.
 */
import type { CallContext } from '@keyfall/aws';
import { eachPage, type Page, SecretError } from '@keyfall/core/provider';
import { wrongEndpoint } from '../api/secrets-manager-service.ts';
import type { NamedSecretSettings } from './named-secret-settings.ts';

/** One secret of the list. */
export interface ListedName {
  readonly name: string;
  /** Changes when another version is in force. */
  readonly state: string;
}

export async function listNames(
  { calls, provider, prefix, versionStage }: NamedSecretSettings,
  context: CallContext,
): Promise<ListedName[]> {
  const found: ListedName[] = [];
  const pageAt = async (NextToken: string | undefined): Promise<Page> => {
    const reply = await calls.call(
      context,
      ({ ListSecretsCommand }) =>
        new ListSecretsCommand({
          MaxResults: 100,
          ...(prefix !== '' && { Filters: [{ Key: 'name', Values: [prefix] }] }),
          ...(NextToken && { NextToken }),
        }),
    );
    if (reply.exception) throw reply.error;
    const { SecretList, NextToken: next } = reply.output;
    if (!SecretList)
      throw new SecretError('ERR_SECRET_INVALID', 'the answer holds no list of secrets', {
        provider,
        hint: wrongEndpoint,
      });
    for (const secret of SecretList) {
      const { Name = '', DeletedDate, LastChangedDate, SecretVersionsToStages = {} } = secret;
      // the filter ignores case, and takes "-name" for "not name"
      if (!Name.startsWith(prefix) || Name === prefix || DeletedDate) continue;
      const version = Object.entries(SecretVersionsToStages).find(([, stages]) =>
        stages.includes(versionStage),
      );
      const state = version?.[0] ?? String(LastChangedDate?.getTime());
      found.push({ name: Name.slice(prefix.length), state });
    }
    return { ids: SecretList.map(({ Name = '' }) => Name), next };
  };
  await eachPage(pageAt, { what: 'the list of secrets', provider, hint: wrongEndpoint });
  return found;
}
