/**
 * What the answers of Secret Manager hold.
 */
import { isUtf8 } from 'node:buffer';
import type { SecretError, SecretRecord } from '@keyfall/core/provider';
import type { SecretManagerReply } from './secret-manager-api.ts';

/** Makes the error of an answer that is broken. */
export type Invalid = (what: string, secretName?: string) => SecretError;

/** The last part of a resource's name: `projects/shop/secrets/TOKEN/versions/3`. */
function lastOf(resource: unknown): string | undefined {
  const { name } = Object(resource) as { readonly name?: unknown };
  return typeof name === 'string' ? name.slice(name.lastIndexOf('/') + 1) : undefined;
}

/** The number of a version, from the resource that it is. */
export function versionOf(json: unknown): string | undefined {
  const version = lastOf(json) ?? '';
  return /^\d+$/.test(version) ? version : undefined;
}

/** One page of a list, by the last part of each resource's name. A project without any has no member for them. */
export function pageOf(
  reply: SecretManagerReply,
  member: 'secrets' | 'versions',
  what: string,
  invalid: Invalid,
): {
  readonly items: readonly unknown[];
  readonly ids: readonly string[];
  readonly next: string | undefined;
} {
  if (reply.kind === 'missing') throw reply.error.with({ code: 'ERR_SECRET_CONFIG' });
  if (reply.kind !== 'ok') throw reply.error;
  const { [member]: items = [], nextPageToken } = reply.json;
  const ids = Array.isArray(items) ? items.map(lastOf) : [undefined];
  if (!ids.every((id) => id !== undefined)) throw invalid(`${what} holds something else`);
  const next = typeof nextPageToken === 'string' ? nextPageToken : undefined;
  return { items: items as readonly unknown[], ids, next };
}

/** What an answer with content holds: text in UTF-8. */
export function recordOf(
  secretName: string,
  json: Readonly<Record<string, unknown>>,
  invalid: Invalid,
): SecretRecord | SecretError {
  const { data } = Object(json['payload']) as { readonly data?: unknown };
  if (typeof data !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(data))
    return invalid(`the answer for ${secretName} has no content`, secretName);
  const bytes = Buffer.from(data, 'base64');
  if (!isUtf8(bytes)) return invalid(`${secretName} holds bytes that are no UTF-8`, secretName);
  const version = versionOf(json);
  return { value: bytes.toString(), ...(version !== undefined && { version }) };
}
