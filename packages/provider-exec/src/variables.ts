/**
 * Which variables of the environment a program gets: an allow-list, since the environment of an application holds other
 * secrets than those that a tool needs.
 */

/** Variables by their names. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** What every program needs, how a session's programs are reached, and the settings of the network. */
const usual: readonly string[] = [
  ...[
    'PATH',
    'Path',
    'HOME',
    'USER',
    'LOGNAME',
    'TMPDIR',
    'TZ',
    'LANG',
    'LANGUAGE',
    'LC_ALL',
    'LC_CTYPE',
  ],
  ...['XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'XDG_STATE_HOME', 'XDG_CACHE_HOME', 'XDG_RUNTIME_DIR'],
  ...['DISPLAY', 'WAYLAND_DISPLAY', 'XAUTHORITY', 'DBUS_SESSION_BUS_ADDRESS'],
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY', 'SSL_CERT_FILE', 'SSL_CERT_DIR'],
  ...['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'],
  // Windows
  ...[
    'SystemRoot',
    'SYSTEMROOT',
    'PATHEXT',
    'USERPROFILE',
    'APPDATA',
    'LOCALAPPDATA',
    'TEMP',
    'TMP',
  ],
];

/** Those of `environment` that are usual or in `more`. */
export function variablesFor(environment: Variables, more: readonly string[]): Variables {
  const given: Record<string, string> = {};
  for (const name of [...usual, ...more]) {
    const value = environment[name];
    if (value !== undefined) given[name] = value;
  }
  return given;
}
