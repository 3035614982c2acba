/**
 * Which values of a file are encrypted (sops.go, `shouldBeEncrypted`). The rules stand in the file and are not
 * authenticated: a changed rule shows only in values that cannot be decrypted, or a MAC that does not match, and a
 * regular expression in them may come from an attacker. So they run on RE2, as in sops, which takes linear time.
 */
import type { SopsMetadata } from './sops-metadata.ts';
import { InvalidSops } from './sops-tree.ts';

/** The rules of one file. */
export interface SopsRules {
  /** Whether only what is encrypted enters the MAC. */
  readonly macOnlyEncrypted: boolean;
  /** Whether comments decide it. */
  readonly byComments: boolean;
  /**
   * Whether the value (or comment) at `path` is encrypted.
   *
   * @param comments - for each level of the tree, the comments directly before this place
   */
  encrypts(
    path: readonly string[],
    comments: readonly (readonly string[])[],
    isComment: boolean,
  ): boolean;
}

type Matches = (text: string) => boolean;

/** The rules of a file's metadata, of which one is set. */
export async function rulesOf(metadata: SopsMetadata): Promise<SopsRules> {
  const { rules, macOnlyEncrypted } = metadata;
  const endsWith = (suffix: string | undefined) =>
    suffix === undefined ? undefined : (text: string) => text.endsWith(suffix);
  const plainSuffix = endsWith(rules.get('unencrypted_suffix'));
  const secretSuffix = endsWith(rules.get('encrypted_suffix'));
  const plainName = await matcherOf(rules.get('unencrypted_regex'));
  const secretName = await matcherOf(rules.get('encrypted_regex'));
  const plainComment = await matcherOf(rules.get('unencrypted_comment_regex'));
  const secretComment = await matcherOf(rules.get('encrypted_comment_regex'));
  return {
    macOnlyEncrypted,
    byComments: plainComment !== undefined || secretComment !== undefined,
    encrypts(path, comments, isComment) {
      const plain = plainSuffix ?? plainName;
      if (plain !== undefined) return !path.some(plain);
      const secret = secretSuffix ?? secretName;
      if (secret !== undefined) return path.some(secret);
      if (plainComment !== undefined) return !comments.some((level) => level.some(plainComment));
      if (secretComment === undefined) return true;
      return comments.some((level, depth) => {
        // The comment that says so is not encrypted itself.
        const itself = isComment && depth === comments.length - 1;
        return (itself ? level.slice(0, -1) : level).some(secretComment);
      });
    },
  };
}

/** Seven characters can stand for a thousand states, and each state costs time and memory. */
const longestRule = 2048;

/** As in sops, an expression that Go cannot compile matches nothing. */
async function matcherOf(pattern: string | undefined): Promise<Matches | undefined> {
  if (pattern === undefined) return undefined;
  if (pattern.length > longestRule) throw new InvalidSops('has a rule that is too long');
  const { RE2JS } = await import('re2js');
  try {
    const compiled = RE2JS.compile(pattern);
    return (text) => compiled.matcher(text).find();
  } catch {
    return () => false;
  }
}
