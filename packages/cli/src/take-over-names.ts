/**
 * Environment variables that make a program run other code than the one that was asked for. Whoever
 * may write one secret must not thereby own every process that is started with the secrets.
 */

// Nearly all of what glibc (sysdeps/generic/unsecvars.h) and sudo (env_delete) take from an environment
// that they do not trust, and what runtimes, package managers and Git read besides.
const exact: ReadonlySet<string> = new Set([
  // which programs and libraries are found, and what libraries load
  ...['PATH', 'LIBPATH', 'SHLIB_PATH', 'AUTHSTATE', 'GCONV_PATH', 'GETCONF_DIR', 'GLIBC_TUNABLES'],
  ...['LOCPATH', 'NLSPATH', 'PATH_LOCALE', 'TZDIR', 'MALLOC_TRACE'],
  ...['OPENSSL_CONF', 'OPENSSL_ENGINES', 'OPENSSL_MODULES', 'KRB5_CONFIG', 'KRB5_KTNAME'],
  ...['GTK_MODULES', 'GTK_PATH', 'GIO_MODULE_DIR', 'GIO_EXTRA_MODULES'],
  ...['QT_PLUGIN_PATH', 'QT_QPA_PLATFORM_PLUGIN_PATH'],
  // to whom a host's name leads
  ...['HOSTALIASES', 'LOCALDOMAIN', 'NIS_PATH', 'RES_OPTIONS', 'RESOLV_HOST_CONF'],
  // where a program looks for its own settings
  ...['HOME', 'XDG_CONFIG_HOME', 'XDG_CONFIG_DIRS', 'CURL_HOME', 'WGETRC', 'INPUTRC'],
  ...['TERMCAP', 'TERMINFO', 'TERMINFO_DIRS', 'TERMPATH'],
  // shells and make
  ...['MAKEFILES', 'MAKEFLAGS', 'GNUMAKEFLAGS'],
  ...['BASH_ENV', 'ENV', 'ZDOTDIR', 'SHELL', 'SHELLOPTS', 'BASHOPTS', 'IFS', 'CDPATH', 'FPATH'],
  ...['BASH_LOADABLES_PATH', 'GLOBIGNORE', 'MODULE_PATH', 'NULLCMD', 'READNULLCMD', 'TMPPREFIX'],
  ...['PROMPT_COMMAND', 'PS0', 'PS1', 'PS2', 'PS4'],
  // language runtimes
  ...['NODE_OPTIONS', 'NODE_PATH', 'NODE_REPL_EXTERNAL_MODULE', 'NODE_COMPILE_CACHE'],
  ...['ELECTRON_RUN_AS_NODE', 'BUN_OPTIONS', 'BUN_INSPECT_PRELOAD', 'YARN_YARN_PATH'],
  ...['YARN_RC_FILENAME', 'YARN_PLUGINS'],
  ...['PYTHONPATH', 'PYTHONHOME', 'PYTHONSTARTUP', 'PYTHONUSERBASE', 'PYTHONINSPECT'],
  ...['PYTHONBREAKPOINT', 'PYTHONWARNINGS', 'PYTHONPYCACHEPREFIX', 'PYTHONEXECUTABLE'],
  ...['PYTHONPLATLIBDIR', 'PIP_CONFIG_FILE', 'UV_CONFIG_FILE'],
  ...['PERL5OPT', 'PERL5LIB', 'PERLLIB', 'PERL5DB', 'PERLIO_DEBUG', 'RUBYOPT', 'RUBYLIB'],
  ...['BUNDLE_GEMFILE', 'BUNDLE_APP_CONFIG', 'BUNDLE_PATH', 'GEM_PATH', 'GEM_HOME', 'UV_PYTHON'],
  ...['JAVA_TOOL_OPTIONS', '_JAVA_OPTIONS', 'JDK_JAVA_OPTIONS', 'IBM_JAVA_OPTIONS'],
  ...['OPENJ9_JAVA_OPTIONS', 'JAVA_OPTS', 'JAVA_HOME', 'CLASSPATH', 'MAVEN_OPTS', 'GRADLE_OPTS'],
  ...['DOTNET_STARTUP_HOOKS', 'DOTNET_ADDITIONAL_DEPS', 'DOTNET_SHARED_STORE', 'DOTNET_ROOT'],
  ...['PHPRC', 'PHP_INI_SCAN_DIR', 'COMPOSER_HOME'],
  ...['LUA_PATH', 'LUA_CPATH', 'ERL_FLAGS', 'ERL_AFLAGS', 'ERL_ZFLAGS', 'ERL_LIBS'],
  ...[
    'ELIXIR_ERL_OPTIONS',
    'GOFLAGS',
    'GOROOT',
    'CARGO_HOME',
    'RUSTC',
    'RUSTC_WRAPPER',
    'RUSTFLAGS',
  ],
  ...['R_PROFILE', 'R_PROFILE_USER', 'R_ENVIRON', 'R_ENVIRON_USER', 'R_HOME', 'R_LIBS'],
  ...['JULIA_LOAD_PATH', 'JULIA_DEPOT_PATH', 'JULIA_PROJECT', 'GUILE_LOAD_PATH', 'TCLLIBPATH'],
  ...['CAML_LD_LIBRARY_PATH'],
  // programs that programs start
  ...['EDITOR', 'VISUAL', 'PAGER', 'MANPAGER', 'BROWSER', 'LESSOPEN', 'LESSCLOSE'],
  ...['SYSTEMD_PAGER', 'SYSTEMD_EDITOR', 'VIMINIT', 'EXINIT', 'EMACSLOADPATH'],
  ...['SSH_ASKPASS', 'SUDO_ASKPASS', 'SVN_SSH', 'CVS_RSH', 'RSYNC_RSH', 'HGRCPATH', 'TAR_OPTIONS'],
  ...['GIT_SSH', 'GIT_SSH_COMMAND', 'GIT_ASKPASS', 'GIT_EXEC_PATH', 'GIT_EXTERNAL_DIFF'],
  ...['GIT_EDITOR', 'GIT_SEQUENCE_EDITOR', 'GIT_PAGER', 'GIT_PROXY_COMMAND', 'GIT_TEMPLATE_DIR'],
  ...['GIT_DIR', 'GIT_COMMON_DIR', 'GIT_WORK_TREE'],
]);

const prefixes = [
  ...['LD_', 'LDR_', '_RLD', 'DYLD_', 'BASH_FUNC_', 'LUA_INIT', 'GIT_CONFIG', 'TS_NODE_'],
  ...['CORECLR_', 'COR_', 'COMPlus_'],
];

/** Whether a variable of this name could take over the program that is given it. */
export function takesOver(name: string): boolean {
  // npm takes any of its settings from npm_config_*, in any case: script-shell, node-options, …;
  // pnpm from pnpm_config_* as well
  return (
    exact.has(name) ||
    prefixes.some((prefix) => name.startsWith(prefix)) ||
    /^p?npm_config_/.test(name.toLowerCase())
  );
}
