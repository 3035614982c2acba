// The program that every tool of the matrix bundles, compiles or runs: a value of a real Vault, one that only a `.env` holds,
// and an encrypted YAML file. As ES modules or as CommonJS.

const body = `
async function main() {
  const secrets = createSecrets({ providers: [vaultProvider(), dotenvProvider()] });
  const values = [await secrets.get('FROM_VAULT'), await secrets.get('FROM_FILE')];
  const missing = await secrets.get('NOPE').catch((error) => isSecretError(error, 'ERR_SECRET_NOT_FOUND'));
  const { port } = await decryptSopsFile('secrets.yaml', { ageKeyFile: 'age.txt' });
  await secrets.close();
  return [...values, missing, typeof port].join(' ');
}
`;

const uses = [
  ['@keyfall/core', 'createSecrets, isSecretError'],
  ['@keyfall/provider-dotenv', 'dotenvProvider'],
  ['@keyfall/provider-sops', 'decryptSopsFile'],
  ['@keyfall/provider-vault', 'vaultProvider'],
];

/** What the program prints. */
export const output = 'of-vault of-file true number';

/** The packages that it uses. */
export const packages = uses.map(([name]) => name);

const print = `
main().then(console.log, (error) => {
  console.error(error);
  process.exitCode = 1;
});
`;

const imports = uses.map(([name, names]) => `import { ${names} } from '${name}';\n`).join('');
const requires = uses.map(([name, names]) => `const { ${names} } = require('${name}');\n`).join('');

/** As ES modules, without a top-level await, so that it can become CommonJS. */
export const asModule = imports + body + print;
export const asCommonJs = requires + body + print;

/** As an ES module that declares `main` and does not call it, for what calls it. */
export const asLibrary = imports + body;
