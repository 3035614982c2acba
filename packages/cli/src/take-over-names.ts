/**
 * Environment variables that make a program run other code than the one that was asked for. Whoever
 * may write one secret must not thereby own every process that is started with the secrets.
 */

const exact: ReadonlySet<string> = new Set([
  // which programs and libraries are found
  ...['PATH', 'LIBPATH', 'SHLIB_PATH', 'GCONV_PATH', 'LOCPATH', 'GLIBC_TUNABLES'],
  ...['OPENSSL_CONF', 'OPENSSL_ENGINES', 'OPENSSL_MODULES'],
  // where a program looks for its own settings
  ...['HOME', 'XDG_CONFIG_HOME', 'XDG_CONFIG_DIRS'],
  // shells and make
  ...['MAKEFILES', 'MAKEFLAGS'],
  ...['BASH_ENV', 'ENV', 'ZDOTDIR', 'SHELL', 'SHELLOPTS', 'BASHOPTS', 'IFS', 'CDPATH', 'FPATH'],
  ...['PROMPT_COMMAND', 'PS4'],
  // language runtimes
  ...['NODE_OPTIONS', 'NODE_PATH', 'NODE_REPL_EXTERNAL_MODULE', 'BUN_OPTIONS'],
  ...['PYTHONPATH', 'PYTHONHOME', 'PYTHONSTARTUP', 'PYTHONUSERBASE', 'PYTHONINSPECT'],
  ...['PYTHONBREAKPOINT', 'PYTHONWARNINGS', 'PYTHONPYCACHEPREFIX', 'PYTHONEXECUTABLE'],
  ...['PERL5OPT', 'PERL5LIB', 'PERLLIB', 'PERL5DB', 'RUBYOPT', 'RUBYLIB', 'BUNDLE_GEMFILE'],
  ...['GEM_PATH', 'GEM_HOME', 'UV_PYTHON'],
  ...['JAVA_TOOL_OPTIONS', '_JAVA_OPTIONS', 'JDK_JAVA_OPTIONS', 'CLASSPATH'],
  ...['DOTNET_STARTUP_HOOKS', 'DOTNET_ADDITIONAL_DEPS', 'PHPRC', 'PHP_INI_SCAN_DIR'],
  ...['LUA_PATH', 'LUA_CPATH', 'ERL_FLAGS', 'ERL_AFLAGS', 'ERL_ZFLAGS', 'ELIXIR_ERL_OPTIONS'],
  // programs that programs start
  ...['EDITOR', 'VISUAL', 'PAGER', 'BROWSER', 'LESSOPEN', 'LESSCLOSE', 'SSH_ASKPASS'],
  ...['GIT_SSH', 'GIT_SSH_COMMAND', 'GIT_ASKPASS', 'GIT_EXEC_PATH', 'GIT_EXTERNAL_DIFF'],
  ...['GIT_EDITOR', 'GIT_SEQUENCE_EDITOR', 'GIT_PAGER', 'GIT_PROXY_COMMAND', 'GIT_TEMPLATE_DIR'],
]);

const prefixes = ['LD_', 'DYLD_', 'BASH_FUNC_', 'LUA_INIT', 'GIT_CONFIG', 'CORECLR_', 'COR_'];

/** Whether a variable of this name could take over the program that is given it. */
export function takesOver(name: string): boolean {
  // npm takes any of its settings from npm_config_*, in any case: script-shell, node-options, …
  return (
    exact.has(name) ||
    prefixes.some((prefix) => name.startsWith(prefix)) ||
    name.toLowerCase().startsWith('npm_config_')
  );
}
