// The types under each resolution of TypeScript, from the oldest version that is supported on.
import { shared } from './place.mjs';

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

/** The versions with the same packages, in one project. */
function checksOf(versions, { entries, packages }) {
  const projectIn = shared((place) => {
    const text = program(entries);
    const project = place('typescript', {
      'package.json': { private: true },
      ...Object.fromEntries(['app.mts', 'app.cts', 'app.ts'].map((name) => [name, text])),
    });
    const compilers = versions.map((version) => `typescript-${version}@npm:typescript@${version}`);
    project.install(...packages, ...compilers, '@types/node@20');
    return project;
  });
  return versions.map((version) => [
    `TypeScript ${version}`,
    (place) => {
      const project = projectIn(place);
      for (const [name, options, file, without] of modes) {
        if (without?.test(version)) continue;
        const compilerOptions = { ...strict, ...options };
        project.write('tsconfig.json', JSON.stringify({ compilerOptions, files: [file] }));
        try {
          project.run('node', `node_modules/typescript-${version}/bin/tsc`, '-p', '.');
        } catch (error) {
          throw new Error(`${name}: ${error.message}`);
        }
      }
    },
  ]);
}

/**
 * @param own - `entries` that an application imports of the packages, and the `packages` that have them
 * @param frameworks - likewise, of what builds on a framework: its types need a newer TypeScript than ours
 */
export const typescript = (own, frameworks) =>
  Object.fromEntries([
    ...checksOf(['5.2.2'], own),
    ...checksOf(['5.9.3', '6.0.3', '7.0.2'], {
      entries: [...own.entries, ...frameworks.entries],
      packages: [...own.packages, ...frameworks.packages],
    }),
  ]);
