// The types under each resolution of TypeScript, from the oldest version that is supported on.

const versions = ['5.2.2', '5.9.3', '6.0.3', '7.0.2'];

const program = (
  entries,
) => `${entries.map((entry, index) => `import * as m${index} from '${entry}';\n`).join('')}
import { createSecrets, isSecretError } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { dotenvProvider } from '@keyfall/provider-dotenv';
import { vaultProvider } from '@keyfall/provider-vault';
const vault: SecretProvider = vaultProvider({ path: 'shop', tls: undefined });
export const secrets = createSecrets({ providers: [vault, dotenvProvider()] });
export async function read(): Promise<string | undefined> {
  try {
    return await secrets.get('TOKEN');
  } catch (error) {
    if (isSecretError(error, 'ERR_SECRET_NOT_FOUND')) return error.secretName;
    throw error;
  }
}
export const all = [${entries.map((_, index) => `m${index}`).join(', ')}];
// @ts-expect-error there is no such option
dotenvProvider({ file: '.env' });
`;

const strict = {
  strict: true,
  skipLibCheck: false,
  // pino, which Fastify uses, needs it
  esModuleInterop: true,
  target: 'ES2022',
  noEmit: true,
  types: ['node'],
};

/** The settings, the file that is compiled, and the versions that do not have them. */
const modes = [
  ['NodeNext, ES module', { module: 'NodeNext', exactOptionalPropertyTypes: true }, 'app.mts'],
  ['NodeNext, CommonJS', { module: 'NodeNext' }, 'app.cts'],
  ['Node16, ES module', { module: 'Node16' }, 'app.mts'],
  ['Node16, CommonJS', { module: 'Node16', exactOptionalPropertyTypes: true }, 'app.cts'],
  ['Bundler', { module: 'ESNext', moduleResolution: 'Bundler' }, 'app.ts'],
  ['node10', { module: 'CommonJS', moduleResolution: 'node10' }, 'app.ts', /^[67]/],
];

/**
 * @param entries - every entry of the packages that an application imports
 * @param packages - what has them
 * @param frameworks - likewise, of what builds on a framework: its types need a newer TypeScript than ours
 */
export const typescript = (entries, packages, frameworks) =>
  Object.fromEntries(
    versions.map((version) => [
      `TypeScript ${version}`,
      (place) => {
        const isNew = Number.parseFloat(version) >= 5.9;
        const text = program(isNew ? [...entries, ...frameworks.entries] : entries);
        const project = place('typescript', {
          'package.json': { private: true },
          ...Object.fromEntries(['app.mts', 'app.cts', 'app.ts'].map((name) => [name, text])),
        });
        const more = isNew ? frameworks.packages : [];
        project.install(...packages, ...more, `typescript@${version}`, '@types/node@20');
        for (const [name, options, file, without] of modes) {
          if (without?.test(version)) continue;
          const compilerOptions = { ...strict, ...options };
          project.write('tsconfig.json', JSON.stringify({ compilerOptions, files: [file] }));
          try {
            project.run('npx', 'tsc', '-p', '.');
          } catch (error) {
            throw new Error(`${name}: ${error.message}`);
          }
        }
      },
    ]),
  );
