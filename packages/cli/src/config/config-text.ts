/**
 * A new configuration as text, in each form that one may have.
 */
import type { ProviderId } from './define-config.ts';

/** The forms that `init` writes. */
export const configForms = ['ts', 'mjs', 'json'] as const;

/** One of {@link configForms}. */
export type ConfigForm = (typeof configForms)[number];

/** What was answered. */
export interface ConfigAnswers {
  /** First asked first, each with what its options are. */
  readonly providers: readonly {
    readonly provider: ProviderId;
    readonly [option: string]: string | boolean | readonly string[];
  }[];
  readonly profiles: readonly string[];
  /** Names that must be there. */
  readonly names: readonly string[];
}

/** The configuration that the answers make. */
export function configOf({ providers, profiles, names }: ConfigAnswers): object {
  return {
    ...(names.length > 0 && { names }),
    providers,
    ...(profiles.length > 0 && {
      profiles: Object.fromEntries(profiles.map((name) => [name, {}])),
    }),
  };
}

/**
 * The text of a configuration.
 *
 * @param installed - whether `keyfall` can be imported where the file is
 */
export function configText(form: ConfigForm, config: object, installed: boolean): string {
  if (form === 'json') {
    const schema = './node_modules/keyfall/schema/keyfall.config.schema.json';
    return `${JSON.stringify({ ...(installed && { $schema: schema }), ...config }, null, 2)}\n`;
  }
  return installed
    ? `import { defineConfig } from 'keyfall';\n\nexport default defineConfig(${program(config, '')});\n`
    : `export default ${program(config, '')};\n`;
}

/** A value as a program has it: single quotes, keys without any where they need none. */
function program(value: unknown, indent: string): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'boolean') return String(value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const items = value.map((item) => program(item, inner));
    const line = `[${items.join(', ')}]`;
    if (!line.includes('\n') && line.length + indent.length < 80) return line;
    return `[\n${items.map((item) => `${inner}${item},\n`).join('')}${indent}]`;
  }
  const members = Object.entries(value as Record<string, unknown>).map(
    ([key, member]) =>
      `${/^[A-Za-z_$][\w$]*$/.test(key) ? key : quoted(key)}: ${program(member, inner)}`,
  );
  if (members.length === 0) return '{}';
  const line = `{ ${members.join(', ')} }`;
  if (indent !== '' && !line.includes('\n') && line.length + indent.length < 80) return line;
  return `{\n${members.map((member) => `${inner}${member},\n`).join('')}${indent}}`;
}

function quoted(text: string): string {
  return `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}
