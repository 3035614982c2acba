/**
 * Whether a variable could make a program run other code than the one that was asked for. Whoever may write one
 * secret must not thereby own every process that is started with the secrets; the families are data of their own.
 */
import { credentials, type TakeOverFamily, takeOverFamilies } from './take-over-families.ts';

/** Whether a variable of this name could take over the program that is given it. */
export function takesOver(name: string): boolean {
  rules ??= takeOverFamilies.map(ruleOf);
  return rules.some((means) => means(name));
}

/** Made for the first name that is asked about: a program that gets no secret needs none. */
let rules: readonly ((name: string) => boolean)[] | undefined;

function ruleOf({ names, but = [], inAnyCase }: TakeOverFamily) {
  const flags = (inAnyCase ?? ignoresCase) ? 'is' : 's';
  const exactly = patternOf(
    names.filter((each) => !each.includes('*')),
    flags,
  );
  const broadly = patternOf(
    names.filter((each) => each.includes('*')),
    flags,
  );
  const harmless = patternOf([...but, ...credentials], flags);
  return (name: string): boolean =>
    exactly.test(name) || (broadly.test(name) && !harmless.test(name));
}

/** Windows takes `path` for `PATH`. */
const ignoresCase = process.platform === 'win32';

/** Of names in which `*` stands for any text. */
function patternOf(names: readonly string[], flags: string): RegExp {
  // without a name nothing is meant: what matches nothing at all
  const texts = names.length === 0 ? ['(?!)'] : names.map((name) => name.replaceAll('*', '.*'));
  return new RegExp(`^(?:${texts.join('|')})$`, flags);
}
