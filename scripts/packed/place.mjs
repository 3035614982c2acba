// Folders in which the packages are installed and used, as in a project of somebody else.
import { spawn, spawnSync } from 'node:child_process';
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
 * Makes folders for the checks, on a machine that knows no other registry.
 *
 * @param home - where they are made, and the home of whoever uses them: each tool has its settings and its cache there
 * @param registry - the address of the registry that has the packages; npm's settings are in the home already
 * @param vault - a running server that holds `FROM_VAULT`: its `address`, and a `token`
 */
export function placesIn(home, registry, vault) {
  const tmp = join(home, 'tmp');
  mkdirSync(tmp, { recursive: true });
  writeFileSync(
    join(home, '.yarnrc.yml'),
    `npmRegistryServer: ${JSON.stringify(registry)}
unsafeHttpWhitelist: ['127.0.0.1']
npmMinimalAgeGate: 0
enableTelemetry: false
`,
  );
  // settings and caches of the person who runs this, and what npm gives to the scripts that it runs
  const own = /^(?:(?:npm|yarn|pnpm|bun|deno|xdg|dbus|vault|bao|keyfall)_|use_vault$)/i;
  const inherited = Object.entries(process.env).filter(([name]) => !own.test(name));
  const env = {
    ...Object.fromEntries(inherited),
    HOME: home,
    TMPDIR: tmp,
    VAULT_ADDR: vault.address,
    VAULT_TOKEN: vault.token,
    VAULT_SECRET_PATH: 'packed',
    NEXT_TELEMETRY_DISABLED: '1',
    npm_config_update_notifier: 'false',
    NO_COLOR: '1',
  };

  /** A folder with what the application reads, and with these files. */
  function place(name, files = {}) {
    const folder = mkdtempSync(join(home, `${name}-`));
    const all = {
      '.env': 'USE_VAULT=true\nFROM_VAULT=of-fallback\nFROM_FILE=of-file\n',
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

    function mustPrint(text, command, ...args) {
      const printed = run(command, ...args);
      if (printed.trim() !== text)
        throw new Error(`${command} ${args.join(' ')} printed ${JSON.stringify(printed)}`);
    }

    return {
      folder,
      run,
      write: (path, text) => writeFileSync(join(folder, path), text),
      install: (...packages) =>
        run('npm', 'install', '--no-audit', '--no-fund', '--loglevel=error', ...packages),
      /** Runs a command that must print this text. */
      mustPrint,
      /** Runs a command that must print what the application prints. */
      mustWork: (command, ...args) => mustPrint(output, command, ...args),
      /** Starts a program there, whose output is piped, with these variables. */
      start: (command, args, more) =>
        spawn(command, args, { cwd: folder, env: { ...env, ...more }, stdio: 'pipe' }),
    };
  }
  return place;
}
