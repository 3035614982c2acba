// Folders in which the packages are installed and used, as in a project of somebody else.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { output } from './application.mjs';

const fixtures = fileURLToPath(
  new URL('../../packages/provider-sops/test/fixtures', import.meta.url),
);

/** A folder that several checks use: made by the first of them, and again if that failed. */
export function shared(make) {
  let made;
  return (place) => {
    made ??= make(place);
    return made;
  };
}

/**
 * Makes folders for the checks.
 *
 * @param root - where they are made
 * @param npmrc - the settings of the registry that has the packages
 * @param vault - a running server that holds `FROM_VAULT`
 */
export function placesIn(root, { npmrc, address, token }) {
  // what npm gives to the scripts that it runs would name another registry
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^npm_|^VAULT_|^BAO_/i.test(name),
  );
  const env = {
    ...Object.fromEntries(inherited),
    VAULT_ADDR: address,
    VAULT_TOKEN: token,
    VAULT_SECRET_PATH: 'packed',
    YARN_ENABLE_TELEMETRY: '0',
    NEXT_TELEMETRY_DISABLED: '1',
    NO_COLOR: '1',
  };

  /** A folder with what the application reads, and with these files. */
  function place(name, files = {}) {
    const folder = mkdtempSync(join(root, `${name}-`));
    const all = {
      '.npmrc': npmrc,
      '.env': 'FROM_VAULT=of-fallback\nFROM_FILE=of-file\n',
      ...files,
    };
    for (const [path, text] of Object.entries(all)) {
      mkdirSync(join(folder, path, '..'), { recursive: true });
      writeFileSync(join(folder, path), typeof text === 'string' ? text : JSON.stringify(text));
    }
    copyFileSync(join(fixtures, 'encrypted/all.yaml'), join(folder, 'secrets.yaml'));
    copyFileSync(join(fixtures, 'keys/one.txt'), join(folder, 'age.txt'));

    /** Runs a command there. @throws an `Error` with all that it printed if it fails */
    function run(command, ...args) {
      const { status, stdout, stderr, error } = spawnSync(command, args, {
        cwd: folder,
        env,
        encoding: 'utf8',
        maxBuffer: 1e8,
      });
      if (error) throw error;
      if (status !== 0)
        throw new Error(`${command} ${args.join(' ')}: status ${status}\n${stdout}${stderr}`);
      return stdout;
    }

    return {
      folder,
      run,
      write: (path, text) => writeFileSync(join(folder, path), text),
      install: (...packages) =>
        run('npm', 'install', '--no-audit', '--no-fund', '--loglevel=error', ...packages),
      /** Runs a command that must print what the application prints. */
      mustWork(command, ...args) {
        const printed = run(command, ...args);
        if (printed.trim() !== output)
          throw new Error(`${command} ${args.join(' ')} printed ${JSON.stringify(printed)}`);
      },
    };
  }
  return place;
}
