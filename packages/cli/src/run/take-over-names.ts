/**
 * Whether a variable could make a program run other code than the one that was asked for. Write access to one
 * secret must not give control of every process that is started with the secrets.
 *
 * The names are data, in `take-over-families.json`: the families that linkers, shells, language runtimes, package
 * managers and tools document, each with where that is written. A name is there if it names a program to start, code
 * or a library to load, options or a file of settings that can name those, or a place that such code is fetched from;
 * and if it has secrets written down that are not written otherwise. Not there is where a program sends its data and
 * whom it trusts there (`HTTPS_PROXY`, `DATABASE_URL`, `SSL_CERT_FILE`, `AWS_ENDPOINT_URL`), nor what applications call
 * their own settings (`HOST`, `CC`, `FLASK_APP`): a `.env` is made for those. The list can never be complete.
 */
import groups from './take-over-families.json' with { type: 'json' };
import { onWindows } from './windows.ts';

/** Variables of one program, or of programs of one kind. */
export interface TakeOverFamily {
  /** Whose they are. */
  readonly of: string;
  /** Where they are documented: addresses, or pages of the manual. */
  readonly sources: readonly string[];
  /** Names. `*` stands for any text: any option of a program that takes all of them from its environment. */
  readonly names: readonly string[];
  /** Names that a `*` above matches and that are harmless, or secrets of their own. */
  readonly but?: readonly string[];
  /** The program takes them in upper and lower case. */
  readonly inAnyCase?: boolean;
}

/** All families that are known. */
export const takeOverFamilies: readonly TakeOverFamily[] = Object.values(groups).flat();

/** What no family's `*` matches: the credentials of a registry are secrets like others. */
export const credentials: readonly string[] = ['*_TOKEN', '*_PASSWORD', '*_USERNAME'];

/** Whether a variable of this name could take over the program that gets it. */
export function takesOver(name: string, windows: boolean = onWindows): boolean {
  if (rules?.windows !== windows) rules = rulesOf(windows);
  if (rules.exact.has(name) || rules.inAnyCase.has(name.toUpperCase())) return true;
  return rules.mayMatch.some((pattern) => pattern.test(name)) && matchesOne(name, windows);
}

/** What decides about a name. */
interface Rules {
  /** On Windows `path` is `PATH`. */
  readonly windows: boolean;
  readonly exact: ReadonlySet<string>;
  /** In upper case. */
  readonly inAnyCase: ReadonlySet<string>;
  /** The patterns of all families: what none of them matches needs no look at each. */
  readonly mayMatch: readonly RegExp[];
}

/** Made for the first name that is asked about: a program that gets no secret needs none. */
let rules: Rules | undefined;

const isPattern = (name: string): boolean => name.includes('*');

function rulesOf(windows: boolean): Rules {
  const exact = new Set<string>();
  const inAnyCase = new Set<string>();
  const patterns = { s: [] as string[], is: [] as string[] };
  for (const family of takeOverFamilies) {
    const flags = flagsOf(family, windows);
    for (const name of family.names)
      if (isPattern(name)) patterns[flags].push(name);
      else if (flags === 's') exact.add(name);
      else inAnyCase.add(name.toUpperCase());
  }
  const mayMatch = [patternOf(patterns.s, 's'), patternOf(patterns.is, 'is')];
  return { windows, exact, inAnyCase, mayMatch };
}

function flagsOf({ inAnyCase = false }: TakeOverFamily, windows: boolean): 's' | 'is' {
  return inAnyCase || windows ? 'is' : 's';
}

/** Whether a pattern of some family matches, and none of what is harmless in it. */
function matchesOne(name: string, windows: boolean): boolean {
  return takeOverFamilies.some((family) => {
    const flags = flagsOf(family, windows);
    const { names, but = [] } = family;
    return (
      patternOf(names.filter(isPattern), flags).test(name) &&
      !patternOf([...but, ...credentials], flags).test(name)
    );
  });
}

/** Matches these names, in which `*` stands for any text; without a name it matches nothing. */
function patternOf(names: readonly string[], flags: string): RegExp {
  const texts = names.length === 0 ? ['(?!)'] : names.map((name) => name.replaceAll('*', '.*'));
  return new RegExp(`^(?:${texts.join('|')})$`, flags);
}
