// The public API of every package as text, so that a change of it shows in the review of that change:
// `npm run api` writes packages/*/api/<entry>.api.md from the built types, `npm run api:check` fails if
// one of them is not what the types say. Both need a build first, and take names of packages' folders.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor';

const root = fileURLToPath(new URL('..', import.meta.url));
const write = !process.argv.includes('--check');
const chosen = process.argv.slice(2).filter((argument) => argument !== '--check');
const none = { logLevel: 'none' };

/** Every entry of every package that has types, with the file that its report is in. */
function entries() {
  const names = chosen.length > 0 ? chosen : readdirSync(join(root, 'packages'));
  return names.flatMap((name) => {
    const folder = join(root, 'packages', name);
    const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return Object.entries(exports).flatMap(([entry, target]) => {
      const types = target.types ?? target.import?.types;
      if (types === undefined) return [];
      const report = entry === '.' ? 'index' : entry.slice(2).replaceAll('/', '-');
      return [{ folder, types: join(folder, types), report: `${report}.api.md` }];
    });
  });
}

function configOf({ folder, types, report }) {
  return ExtractorConfig.prepare({
    configObjectFullPath: join(folder, 'api-extractor.json'),
    packageJsonFullPath: join(folder, 'package.json'),
    configObject: {
      projectFolder: folder,
      mainEntryPointFilePath: types,
      // the types as users get them: strict, without our own conditions
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: 'ES2022',
            lib: ['ES2023', 'ES2024.String', 'ESNext.Disposable'],
            types: ['node'],
            module: 'NodeNext',
            moduleResolution: 'NodeNext',
            strict: true,
            exactOptionalPropertyTypes: true,
            skipLibCheck: true,
          },
          files: [types],
        },
      },
      newlineKind: 'lf',
      apiReport: {
        enabled: true,
        reportFolder: join(folder, 'api'),
        reportFileName: report,
        reportTempFolder: join(root, 'node_modules/.cache/keyfall/api'),
      },
      messages: {
        compilerMessageReporting: { default: { logLevel: 'error' } },
        extractorMessageReporting: {
          default: none,
          // a type that users meet and cannot name
          'ae-forgotten-export': { logLevel: 'none', addToApiReportFile: true },
        },
        tsdocMessageReporting: { default: none },
      },
    },
  });
}

const all = entries();
const missing = all.filter(({ types }) => !existsSync(types));
if (missing.length > 0) throw new Error(`${missing[0].types} is not built: npm run build`);
mkdirSync(join(root, 'node_modules/.cache/keyfall/api'), { recursive: true });
const changed = [];
for (const entry of all) {
  const config = configOf(entry);
  if (write) mkdirSync(config.reportFolder, { recursive: true });
  const { apiReportChanged, succeeded } = Extractor.invoke(config, {
    localBuild: write,
    messageCallback: (message) => {
      // what it says of itself; the result says what matters
      if (message.logLevel !== 'error') message.handled = true;
    },
  });
  const path = config.reportFilePath.slice(root.length);
  if (!succeeded && write) throw new Error(`${path}: API Extractor failed`);
  if (apiReportChanged || !succeeded) changed.push(path);
}
for (const { folder } of all)
  for (const file of existsSync(join(folder, 'api')) ? readdirSync(join(folder, 'api')) : [])
    if (!all.some((entry) => entry.folder === folder && entry.report === file)) {
      changed.push(`${join(folder, 'api', file).slice(root.length)} (of an entry that is gone)`);
      if (write) rmSync(join(folder, 'api', file));
    }
if (write) console.log(`${all.length} reports, ${changed.length} changed`);
else if (changed.length > 0) {
  console.error(`The public API is not what these reports say:
${changed.map((path) => `  ${path}`).join('\n')}
If the change is meant, run "npm run api" and commit the reports with it. docs/stability.md says what
users may rely on.`);
  process.exitCode = 1;
}
