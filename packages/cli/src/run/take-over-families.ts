/**
 * Environment variables that make a program run other code than the one that was asked for, as data: the
 * families that linkers, shells, language runtimes, package managers and tools document, each with where that is
 * written. In it is what names a program to start, code or a library to load, options or a file of settings that can
 * name those, or where such code is fetched from; and what has secrets written down that are never written otherwise.
 *
 * Not in it is where a program sends what it sends and whom it believes there (`HTTPS_PROXY`, `DATABASE_URL`, `SSL_CERT_FILE`,
 * `AWS_ENDPOINT_URL`), nor what applications call their own settings (`HOST`, `CC`, `FLASK_APP`): those are what a `.env`
 * is for. The list can never be whole.
 */

/** Variables of one program, or of programs of one kind. */
export interface TakeOverFamily {
  /** Whose they are. */
  readonly of: string;
  /** Where they are documented: an address, or a page of the manual. */
  readonly source: string;
  /** Names. `*` stands for any text: any option of a program that takes all of them from its environment. */
  readonly names: readonly string[];
  /** Names that a `*` above means and that are harmless, or secrets of their own. */
  readonly but?: readonly string[];
  /** The program takes them in upper and lower case. */
  readonly inAnyCase?: true;
}

/** What no family's `*` means: the credentials of a registry are secrets like others. */
export const credentials: readonly string[] = ['*_TOKEN', '*_PASSWORD', '*_USERNAME'];

/** All that are known. */
export const takeOverFamilies: readonly TakeOverFamily[] = [
  // the system
  {
    of: 'the search for programs, and the home that settings are looked for in',
    source: 'environ(7)',
    names: ['PATH', 'HOME', 'SHELL', 'CDPATH'],
  },
  { of: 'the dynamic linkers', source: 'ld.so(8)', names: ['LD_*'] },
  {
    of: 'the dynamic linkers of macOS, AIX, HP-UX and IRIX',
    source: 'dyld(1), https://www.ibm.com/docs/en/aix/7.3.0?topic=l-ld-command',
    names: ['DYLD_*', 'LDR_*', 'LIBPATH', 'SHLIB_PATH', '_RLD*', 'AUTHSTATE'],
  },
  {
    of: 'the C library',
    source: 'https://sourceware.org/git/?p=glibc.git;a=blob;f=sysdeps/generic/unsecvars.h',
    names: [
      ...['GCONV_PATH', 'GETCONF_DIR', 'GLIBC_TUNABLES', 'HOSTALIASES', 'LOCALDOMAIN', 'LOCPATH'],
      ...['MALLOC_TRACE', 'NIS_PATH', 'NLSPATH', 'PATH_LOCALE', 'RESOLV_HOST_CONF', 'RES_OPTIONS'],
      ...['TZDIR'],
    ],
  },
  {
    of: 'the terminal library',
    source: 'ncurses(3X)',
    names: ['TERMCAP', 'TERMINFO', 'TERMINFO_DIRS', 'TERMPATH'],
  },
  {
    of: 'the folders of settings, data and sockets',
    source: 'https://specifications.freedesktop.org/basedir-spec/latest/',
    names: ['XDG_*_DIR', 'XDG_*_DIRS', 'XDG_*_HOME'],
  },
  {
    of: 'the message bus, whose address may be a program to start (unixexec:)',
    source: 'https://dbus.freedesktop.org/doc/dbus-specification.html#addresses',
    names: ['DBUS_*'],
  },
  {
    of: 'sanitizers, profilers and coverage, which write files',
    source:
      'https://github.com/google/sanitizers/wiki/SanitizerCommonFlags, https://clang.llvm.org/docs/SourceBasedCodeCoverage.html, gcov(1), https://gperftools.github.io/gperftools/cpuprofile.html, valgrind(1)',
    names: [
      ...['ASAN_*', 'HWASAN_*', 'LSAN_*', 'MSAN_*', 'TSAN_*', 'UBSAN_*', 'LLVM_PROFILE_FILE'],
      ...['GCOV_PREFIX*', 'GMON_OUT_PREFIX', 'CPUPROFILE', 'HEAPPROFILE', 'VALGRIND_*'],
    ],
  },
  // shells
  {
    of: 'bash',
    source: 'https://www.gnu.org/software/bash/manual/html_node/Bash-Variables.html',
    names: [
      ...['BASH_*', 'BASHOPTS', 'SHELLOPTS', 'IFS', 'PROMPT_COMMAND', 'PS0', 'PS1', 'PS2', 'PS4'],
      ...['GLOBIGNORE', 'EXECIGNORE', 'HISTFILE', 'INPUTRC', 'FCEDIT'],
    ],
  },
  {
    of: 'sh, and ksh',
    source: 'https://pubs.opengroup.org/onlinepubs/9799919799/utilities/sh.html',
    names: ['ENV', 'FPATH', 'MAILPATH'],
  },
  {
    of: 'zsh',
    source: 'https://zsh.sourceforge.io/Doc/Release/Parameters.html',
    names: ['ZDOTDIR', 'MODULE_PATH', 'NULLCMD', 'READNULLCMD', 'TMPPREFIX', 'ZSH_*'],
  },
  {
    of: 'PowerShell and the command processor of Windows',
    source:
      'https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_environment_variables',
    names: ['PSModulePath', 'ComSpec', 'PATHEXT', 'SystemRoot', 'windir'],
    inAnyCase: true,
  },
  // JavaScript
  {
    of: 'Node.js',
    source: 'https://nodejs.org/api/cli.html#environment-variables_1',
    names: [
      ...['NODE_OPTIONS', 'NODE_PATH', 'NODE_REPL_*', 'NODE_COMPILE_CACHE*', 'NODE_V8_COVERAGE'],
      ...['NODE_REDIRECT_WARNINGS', 'NODE_ICU_DATA', 'NODE_DEBUG', 'NODE_DEBUG_NATIVE'],
      ...['NODE_CHANNEL_FD', 'NODE_UNIQUE_ID'],
    ],
  },
  {
    of: 'npm and pnpm, which take every setting from the environment (script-shell, node-options)',
    source: 'https://docs.npmjs.com/cli/using-npm/config#environment-variables',
    names: ['npm_config_*', 'pnpm_config_*', 'npm_execpath', 'npm_node_execpath', 'PNPM_HOME'],
    inAnyCase: true,
  },
  {
    of: 'Yarn, likewise',
    source: 'https://yarnpkg.com/configuration/yarnrc',
    names: ['YARN_*'],
    but: ['YARN_VERSION', 'YARN_NPM_AUTH_IDENT'],
  },
  {
    of: 'Corepack, and managers of Node versions',
    source: 'https://github.com/nodejs/corepack#environment-variables, https://docs.volta.sh',
    names: ['COREPACK_*', 'VOLTA_*', 'NVM_DIR', 'FNM_*', 'N_PREFIX', 'NODENV_*'],
    but: ['COREPACK_ENABLE_DOWNLOAD_PROMPT'],
  },
  {
    of: 'Bun and Deno',
    source:
      'https://bun.sh/docs/runtime/env, https://docs.deno.com/runtime/reference/env_variables/',
    names: [
      ...['BUN_OPTIONS', 'BUN_INSPECT*', 'BUN_CONFIG_*', 'BUN_INSTALL*', 'BUN_RUNTIME_*'],
      ...['DENO_DIR', 'DENO_INSTALL*', 'DENO_NODE_*', 'DENO_COVERAGE_*'],
    ],
  },
  {
    of: 'Electron, ts-node, and native parts of packages that are loaded from a path',
    source:
      'https://www.electronjs.org/docs/latest/api/environment-variables, https://typestrong.org/ts-node/docs/options, https://napi.rs/docs, https://esbuild.github.io/getting-started/, https://www.prisma.io/docs/orm/reference/environment-variables-reference',
    names: [
      ...['ELECTRON_*', 'TS_NODE_*', 'NAPI_RS_NATIVE_LIBRARY_PATH', 'ESBUILD_BINARY_PATH'],
      ...['SWC_BINARY_PATH', 'PRISMA_*_BINARY', 'PRISMA_*_LIBRARY'],
    ],
  },
  // Python
  {
    of: 'Python',
    source: 'https://docs.python.org/3/using/cmdline.html#environment-variables',
    names: ['PYTHON*', 'PYTHON_PRESITE', 'PYTHON_HISTORY'],
    but: [
      // what applications call their own begins like this, and a few switches
      ...['PYTHON_*', 'PYTHONUNBUFFERED', 'PYTHONDONTWRITEBYTECODE', 'PYTHONIOENCODING'],
      ...['PYTHONUTF8', 'PYTHONHASHSEED', 'PYTHONFAULTHANDLER', 'PYTHONTRACEMALLOC'],
      ...['PYTHONOPTIMIZE', 'PYTHONASYNCIODEBUG', 'PYTHONDEVMODE', 'PYTHONVERBOSE'],
      ...['PYTHONDEBUG', 'PYTHONSAFEPATH', 'PYTHONNOUSERSITE', 'PYTHONMALLOC*'],
      ...['PYTHONNODEBUGRANGES', 'PYTHONINTMAXSTRDIGITS', 'PYTHONCOERCECLOCALE'],
    ],
  },
  {
    of: 'pip, uv, Poetry, Pipenv, PDM and Hatch, most of which take every setting from the environment',
    source:
      'https://pip.pypa.io/en/stable/topics/configuration/#environment-variables, https://docs.astral.sh/uv/reference/environment/, https://python-poetry.org/docs/configuration/#using-environment-variables, https://pipenv.pypa.io, https://pdm-project.org, https://hatch.pypa.io',
    names: [
      ...['PIP_*', 'UV_*', 'POETRY_*', 'PIPENV_*', 'PDM_*_URL', 'PDM_*PATH', 'PDM_PYTHON'],
      ...['PDM_*_FILE', 'HATCH_CONFIG', 'HATCH_PYTHON*', 'HATCH_*_DIR'],
    ],
    but: [
      ...['PIP_NO_CACHE_DIR', 'PIP_DISABLE_PIP_VERSION_CHECK', 'PIP_ROOT_USER_ACTION'],
      ...['PIP_DEFAULT_TIMEOUT', 'POETRY_HTTP_BASIC_*', 'POETRY_PYPI_TOKEN_*'],
      ...['POETRY_NO_INTERACTION', 'UV_COMPILE_BYTECODE', 'UV_LINK_MODE', 'UV_NO_CACHE'],
      // of libuv, which Node.js is built on
      ...['UV_THREADPOOL_SIZE', 'UV_USE_IO_URING'],
    ],
  },
  {
    of: 'environments of Python',
    source:
      'https://virtualenv.pypa.io/en/latest/cli_interface.html, https://docs.conda.io, https://github.com/pyenv/pyenv',
    names: ['VIRTUAL_ENV', 'VIRTUALENV_*', 'CONDA_*', 'PYENV_*', 'PIPX_*'],
  },
  {
    of: 'pytest, tox, coverage, mypy, IPython and Jupyter',
    source:
      'https://docs.pytest.org/en/stable/reference/reference.html#environment-variables, https://tox.wiki/en/latest/config.html, https://coverage.readthedocs.io/en/latest/subprocess.html, https://mypy.readthedocs.io/en/stable/running_mypy.html, https://docs.jupyter.org/en/latest/use/jupyter-directories.html',
    names: [
      ...[
        'PYTEST_ADDOPTS',
        'PYTEST_PLUGINS',
        'PYTEST_DEBUG*',
        'TOX_OVERRIDE',
        'TOX_*_FILE',
        'TOX_*_DIR',
        'COVERAGE_PROCESS_*',
      ],
      ...['COVERAGE_RCFILE', 'MYPYPATH', 'IPYTHONDIR', 'JUPYTER_CONFIG_*', 'JUPYTER_*PATH'],
      ...['JUPYTER_DATA_DIR', 'JUPYTER_RUNTIME_DIR'],
    ],
  },
  {
    of: 'servers that start an application of Python',
    source:
      'https://docs.gunicorn.org/en/stable/settings.html, https://uwsgi-docs.readthedocs.io/en/latest/Configuration.html#environment-variables, https://www.uvicorn.org/settings/',
    names: [
      ...['GUNICORN_CMD_ARGS', 'UVICORN_APP_DIR', 'UVICORN_LOG_CONFIG', 'UWSGI_*EXEC*'],
      ...['UWSGI_*HOOK*', 'UWSGI_*PLUGIN*', 'UWSGI_*IMPORT*', 'UWSGI_*MODULE*', 'UWSGI_*FILE*'],
      ...['UWSGI_*PATH', 'UWSGI_*DAEMON*', 'UWSGI_INI', 'UWSGI_YAML', 'UWSGI_JSON', 'UWSGI_XML'],
    ],
  },
  // other languages
  {
    of: 'Perl',
    source: 'https://perldoc.perl.org/perlrun#ENVIRONMENT',
    names: ['PERL5*', 'PERLLIB', 'PERLDB*', 'PERLIO*', 'PERL_*'],
    but: ['PERL_HASH_SEED', 'PERL_UNICODE', 'PERL_SIGNALS'],
  },
  {
    of: 'Ruby, RubyGems and Bundler',
    source:
      'https://docs.ruby-lang.org/en/master/ruby/options_md.html, https://guides.rubygems.org/command-reference/#gem-environment, https://bundler.io/man/bundle-config.1.html',
    names: [
      ...['RUBYOPT', 'RUBYLIB', 'RUBYPATH', 'RUBYSHELL', 'RUBYGEMS_*', 'RUBYLIB_PREFIX', 'IRBRC'],
      ...['PRYRC', 'RBENV_*', 'GEM_HOME', 'GEM_PATH', 'GEMRC', 'GEM_SPEC_CACHE', 'JRUBY_OPTS'],
      ...['BUNDLE_GEMFILE', 'BUNDLE_APP_CONFIG', 'BUNDLE_USER_*', 'BUNDLE_PATH*', 'BUNDLE_BIN*'],
      ...['BUNDLE_MIRROR__*', 'BUNDLE_LOCAL__*', 'BUNDLE_BUILD__*', 'BUNDLE_SHEBANG', 'BUNDLER_*'],
    ],
  },
  {
    of: 'Java and what starts it',
    source:
      'https://docs.oracle.com/en/java/javase/21/docs/specs/man/java.html, https://docs.oracle.com/javase/8/docs/technotes/guides/troubleshoot/envvars002.html, https://eclipse.dev/openj9/docs/cmdline_specifying/',
    names: [
      ...['JAVA_TOOL_OPTIONS', '_JAVA_OPTIONS', 'JDK_JAVA*_OPTIONS', '*_JAVA_OPTIONS', 'JAVA_OPTS'],
      ...['*_JAVA_OPTS', 'JAVA_OPTIONS', 'JAVA_HOME', 'JRE_HOME', 'JAVACMD', 'JVM_OPTS'],
      ...['CLASSPATH', 'JYTHONPATH', 'JYTHONHOME'],
    ],
  },
  {
    of: 'Maven, Gradle, Ant, sbt, Leiningen, Groovy and Tomcat',
    source:
      'https://maven.apache.org/configure.html, https://docs.gradle.org/current/userguide/build_environment.html, https://ant.apache.org/manual/running.html, https://www.scala-sbt.org, https://leiningen.org, https://tomcat.apache.org/tomcat-10.1-doc/RUNNING.txt',
    names: [
      ...['MAVEN_OPTS', 'MAVEN_ARGS', 'MAVEN_HOME', 'MAVEN_PROJECTBASEDIR', 'MAVEN_CONFIG'],
      ...['M2_HOME', 'MVNW_*', 'GRADLE_OPTS', 'GRADLE_HOME', 'GRADLE_USER_HOME', 'ANT_OPTS'],
      ...['ANT_ARGS', 'ANT_HOME', 'SBT_OPTS', 'LEIN_*', 'CLJ_CONFIG', 'GROOVY_HOME', 'GROOVY_CONF'],
      ...['CATALINA_*', 'KAFKA_OPTS'],
    ],
    but: ['LEIN_GPG'],
  },
  {
    of: '.NET',
    source:
      'https://learn.microsoft.com/dotnet/core/tools/dotnet-environment-variables, https://learn.microsoft.com/dotnet/core/runtime-config/debugging-profiling, https://learn.microsoft.com/aspnet/core/fundamentals/host/platform-specific-configuration',
    names: [
      ...['DOTNET_STARTUP_HOOKS', 'DOTNET_ADDITIONAL_DEPS', 'DOTNET_SHARED_STORE', 'DOTNET_ROOT*'],
      ...['DOTNET_HOST_PATH', 'DOTNET_DiagnosticPorts', 'DOTNET_DbgEnable*', 'DOTNET_*Profiler*'],
      ...['DOTNET_BUNDLE_EXTRACT_BASE_DIR', 'DOTNET_CLI_HOME', 'DOTNET_STARTUP*', 'CORECLR_*'],
      ...['COR_*', 'COMPlus_*', 'ASPNETCORE_HOSTINGSTARTUP*', 'NUGET_PACKAGES', 'NUGET_PLUGIN_*'],
      ...['NUGET_*_PLUGIN_PATHS', 'MSBUILD*'],
    ],
  },
  {
    of: 'PHP and Composer',
    source:
      'https://www.php.net/manual/en/configuration.file.php, https://getcomposer.org/doc/03-cli.md#environment-variables',
    names: ['PHPRC', 'PHP_INI_SCAN_DIR', 'COMPOSER', 'COMPOSER_*HOME', 'COMPOSER_*DIR'],
  },
  {
    of: 'Go',
    source: 'https://pkg.go.dev/cmd/go#hdr-Environment_variables',
    names: [
      ...['GOENV', 'GOFLAGS', 'GOROOT', 'GOPATH', 'GOBIN', 'GOTOOLCHAIN', 'GOTOOLDIR', 'GOCACHE'],
      ...['GOCACHEPROG', 'GOMODCACHE', 'GOPROXY', 'GONOPROXY', 'GOSUMDB', 'GONOSUM*', 'GOPRIVATE'],
      ...['GOINSECURE', 'GOVCS', 'GOAUTH', 'GOWORK', 'GOTMPDIR', 'GOCOVERDIR', 'GCCGO*', 'CGO_*'],
    ],
    but: ['CGO_ENABLED'],
  },
  {
    of: 'Rust, Cargo and rustup',
    source:
      'https://doc.rust-lang.org/cargo/reference/environment-variables.html, https://rust-lang.github.io/rustup/environment-variables.html',
    names: ['CARGO_*', 'RUSTC*', 'RUSTDOC*', 'RUSTFLAGS', 'RUSTUP_*'],
    but: ['CARGO_TERM_*', 'CARGO_INCREMENTAL', 'CARGO_PKG_*'],
  },
  {
    of: 'Lua',
    source: 'https://www.lua.org/manual/5.4/manual.html#7',
    names: ['LUA_INIT*', 'LUA_PATH*', 'LUA_CPATH*', 'LUAROCKS_*'],
  },
  {
    of: 'Tcl',
    source: 'https://www.tcl-lang.org/man/tcl9.0/TclCmd/library.html, tclvars(n)',
    names: ['TCL_LIBRARY', 'TK_LIBRARY', 'TCLLIBPATH', 'TCL*_TM_PATH'],
  },
  {
    of: 'R',
    source: 'https://stat.ethz.ch/R-manual/R-devel/library/base/html/Startup.html',
    names: [
      ...['R_PROFILE*', 'R_ENVIRON*', 'R_HOME', 'R_LIBS*', 'R_DEFAULT_PACKAGES', 'R_BROWSER'],
      ...['R_PDFVIEWER', 'R_HISTFILE', 'RENV_*'],
    ],
  },
  {
    of: 'Julia',
    source: 'https://docs.julialang.org/en/v1/manual/environment-variables/',
    names: ['JULIA_*'],
    but: ['JULIA_NUM_THREADS', 'JULIA_VERSION', 'JULIA_ENV'],
  },
  {
    of: 'Erlang and Elixir',
    source:
      'https://www.erlang.org/doc/apps/erts/erl_cmd.html, https://hexdocs.pm/mix/Mix.html#module-environment-variables',
    names: [
      ...['ERL_*', 'ELIXIR_ERL_OPTIONS', 'MIX_HOME', 'MIX_EXS', 'MIX_ARCHIVES', 'MIX_*PATH'],
      ...['MIX_INSTALL_DIR', 'MIX_REBAR*', 'HEX_HOME', 'HEX_MIRROR*', 'REBAR_*', 'IEX_HOME'],
    ],
  },
  {
    of: 'Haskell, OCaml, Guile, Swift and Zig',
    source:
      'https://downloads.haskell.org/ghc/latest/docs/users_guide/packages.html, https://docs.haskellstack.org, https://ocaml.org/manual/5.2/runtime.html, https://opam.ocaml.org/doc/man/opam.html, https://www.gnu.org/software/guile/manual/html_node/Environment-Variables.html, xcrun(1), https://ziglang.org',
    names: [
      ...['GHCRTS', 'GHC_PACKAGE_PATH', 'GHC_ENVIRONMENT', 'CABAL_*', 'STACK_ROOT', 'STACK_YAML'],
      ...[
        'CAML_LD_LIBRARY_PATH',
        'OCAML*',
        'OPAM*',
        'GUILE_*',
        'DEVELOPER_DIR',
        'SDKROOT',
        'ZIG_*',
      ],
    ],
  },
  {
    of: 'Nix and Guix',
    source:
      'https://nix.dev/manual/nix/latest/command-ref/env-common, https://guix.gnu.org/manual/en/html_node/',
    names: ['NIX_*', 'GUIX_*'],
  },
  {
    of: 'compilers and what drives them',
    source:
      'https://gcc.gnu.org/onlinedocs/gcc/Environment-Variables.html, https://www.gnu.org/software/make/manual/html_node/Implicit-Variables.html, https://www.gnu.org/savannah-checkouts/gnu/autoconf/manual/autoconf.html, https://cmake.org/cmake/help/latest/manual/cmake-env-variables.7.html, pkg-config(1), https://ccache.dev/manual/latest.html',
    names: [
      ...['MAKEFILES', 'MAKEFLAGS', 'MFLAGS', 'GNUMAKEFLAGS', 'MAKEOVERRIDES', 'CONFIG_SHELL'],
      ...['CONFIG_SITE', 'CPATH', 'C_INCLUDE_PATH', 'CPLUS_INCLUDE_PATH', 'OBJC_INCLUDE_PATH'],
      ...['LIBRARY_PATH', 'COMPILER_PATH', 'GCC_EXEC_PREFIX', 'CFLAGS', 'CXXFLAGS', 'CPPFLAGS'],
      ...['LDFLAGS', 'CMAKE_*', 'PKG_CONFIG*', 'ACLOCAL_PATH', 'M4PATH', 'CCACHE_*', 'DISTCC_*'],
    ],
  },
  {
    of: 'awk, TeX and groff',
    source:
      'https://www.gnu.org/software/gawk/manual/html_node/Environment-Variables.html, https://tug.org/texinfohtml/kpathsea.html, groff(1)',
    names: ['AWKPATH', 'AWKLIBPATH', 'TEXINPUTS', 'TEXMF*', 'GROFF_*'],
  },
  // programs that programs start
  {
    of: 'what shows, edits and asks, as many programs start it by the name in a variable',
    source:
      'environ(7), https://git-scm.com/docs/git#_environment_variables, https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-envvars.html, https://cli.github.com/manual/gh_help_environment, sudo(8), ssh(1), systemctl(1)',
    names: [
      ...['PAGER', '*_PAGER', 'MANPAGER', 'EDITOR', '*_EDITOR', 'VISUAL', 'BROWSER', 'GH_BROWSER'],
      ...['*_ASKPASS', 'MANOPT', 'MANROFFOPT', 'MANPATH', 'MAILRC'],
    ],
  },
  {
    of: 'less, whose initial command may start a program',
    source: 'less(1)',
    names: ['LESS', 'LESSOPEN', 'LESSCLOSE', 'LESSKEY*', 'LESSEDIT', 'LESSHISTFILE', 'LESS_*'],
  },
  {
    of: 'Vim, Neovim and Emacs',
    source:
      'https://vimhelp.org/starting.txt.html, https://neovim.io/doc/user/starting.html, https://www.gnu.org/software/emacs/manual/html_node/emacs/General-Variables.html',
    names: ['VIMINIT', 'GVIMINIT', 'EXINIT', 'MYVIMRC', 'VIM', 'VIMRUNTIME', 'NVIM_*', 'EMACS*'],
  },
  {
    of: 'archivers, searchers and multiplexers that take options from a variable',
    source:
      'https://www.gnu.org/software/tar/manual/html_node/using-tar-options.html, zip(1), https://github.com/junegunn/fzf, https://github.com/BurntSushi/ripgrep/blob/master/GUIDE.md#configuration-file, screen(1), https://github.com/sharkdp/bat',
    names: [
      ...['TAR_OPTIONS', 'TAPE', 'ZIPOPT', 'UNZIP', 'FZF_*', 'RIPGREP_CONFIG_PATH', 'SCREENRC'],
      ...['SYSSCREENRC', 'BAT_CONFIG_*', 'DIALOGRC'],
    ],
  },
  {
    of: 'git',
    source:
      'https://git-scm.com/docs/git#_environment_variables, https://git-scm.com/docs/api-trace2',
    names: [
      ...['GIT_SSH*', 'GIT_EXEC_PATH', 'GIT_EXTERNAL_DIFF', 'GIT_PROXY_*', 'GIT_TEMPLATE_DIR'],
      ...['GIT_DIR', 'GIT_COMMON_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE', 'GIT_OBJECT_DIRECTORY'],
      ...['GIT_ALTERNATE_*', 'GIT_NAMESPACE', 'GIT_CONFIG*', 'GIT_TRACE*', 'GIT_TR2*', 'GIT_SSL_*'],
      ...['GIT_ALLOW_PROTOCOL', 'GIT_ATTR_*', 'GIT_REDIRECT_*', 'GIT_CURL_VERBOSE', 'GIT_HOOK*'],
    ],
    but: ['GIT_SSH_KEY', 'GIT_SSH_PRIVATE_KEY'],
  },
  {
    of: 'Mercurial, Subversion, CVS, Bazaar and Perforce',
    source:
      'https://repo.mercurial-scm.org/hg/help/environment, https://svnbook.red-bean.com/en/1.7/svn.advanced.confarea.html, cvs(1), https://www.breezy-vcs.org, https://help.perforce.com',
    names: [
      ...['HGRCPATH', 'HGEDITOR', 'HGMERGE', 'HGDEMANDIMPORT', 'SVN_SSH', 'SVN_MERGE', 'CVS_RSH'],
      ...['CVSEDITOR', 'BZR_*', 'BRZ_*', 'P4CONFIG', 'P4EDITOR', 'P4DIFF', 'P4MERGE', 'P4PAGER'],
    ],
  },
  {
    of: 'ssh, rsync, curl, wget and GnuPG',
    source:
      'ssh(1), ssh-add(1), https://download.samba.org/pub/rsync/rsync.1, https://curl.se/docs/manpage.html, https://www.gnu.org/software/wget/manual/html_node/Wgetrc-Location.html, gpg(1)',
    names: [
      ...['SSH_ASKPASS*', 'SSH_AUTH_SOCK', 'SSH_SK_*', 'SSH_PKCS11_*', 'RSYNC_RSH'],
      ...[
        'RSYNC_*PROG',
        'RSYNC_PROXY',
        'CURL_HOME',
        'WGETRC',
        'SYSTEM_WGETRC',
        'NETRC',
        'GNUPGHOME',
      ],
    ],
  },
  {
    of: 'Kerberos, SASL and LDAP',
    source:
      'https://web.mit.edu/kerberos/krb5-latest/doc/user/user_config/kerberos.html, https://www.cyrusimap.org/sasl/sasl/options.html, ldap.conf(5)',
    names: ['KRB5*', 'GSS_MECH_CONFIG', 'SASL_PATH', 'SASL_CONF_PATH', 'LDAPRC', 'LDAPCONF'],
  },
  {
    of: 'TLS libraries, and tokens that are reached through a library',
    source:
      'https://docs.openssl.org/master/man7/openssl-env/, https://firefox-source-docs.mozilla.org/security/nss/legacy/key_log_format/, https://gnutls.org/manual/gnutls.html, https://github.com/OpenSC/libp11, https://github.com/softhsm/SoftHSMv2',
    names: [
      ...['OPENSSL_CONF*', 'OPENSSL_ENGINES', 'OPENSSL_MODULES', 'SSLKEYLOGFILE', 'QLOGDIR'],
      ...['GNUTLS_SYSTEM_PRIORITY_FILE', 'P11_KIT_*', 'PKCS11_MODULE_PATH', 'SOFTHSM2_CONF'],
    ],
  },
  {
    of: 'clients of databases',
    source:
      'https://www.postgresql.org/docs/current/app-psql.html, https://www.postgresql.org/docs/current/libpq-envars.html, https://dev.mysql.com/doc/refman/8.4/en/environment-variables.html, https://www.unixodbc.org, https://docs.oracle.com/en/database/oracle/oracle-database/, https://redis.io/docs/latest/develop/tools/cli/',
    names: [
      ...['PSQLRC', 'PSQL_*', 'PGSERVICEFILE', 'PGSYSCONFDIR', 'LIBMYSQL_*', 'ODBCINI'],
      ...['ODBCINSTINI', 'ODBCSYSINI', 'TNS_ADMIN', 'ORACLE_HOME', 'REDISCLI_*FILE'],
    ],
  },
  // clouds and machines
  {
    of: 'clients of clouds, whose files of settings name programs to start',
    source:
      'https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html, https://docs.cloud.google.com/sdk/gcloud/reference/topic/startup, https://google.aip.dev/auth/4117, https://learn.microsoft.com/cli/azure/azure-cli-configuration, https://cli.github.com/manual/gh_help_environment',
    names: [
      ...['AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE', 'AWS_DATA_PATH', 'BOTO_CONFIG'],
      ...['CLOUDSDK_PYTHON*', 'CLOUDSDK_*_PYTHON', 'CLOUDSDK_CONFIG', 'CLOUDSDK_ROOT_DIR'],
      ...['GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES', 'AZURE_CONFIG_DIR', 'AZURE_EXTENSION_DIR'],
      ...['GH_CONFIG_DIR', 'GH_PATH', 'GLAB_CONFIG_DIR'],
    ],
  },
  {
    of: 'Kubernetes, Helm, Docker and what keeps machines',
    source:
      'https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins, https://helm.sh/docs/helm/helm/, https://docs.docker.com/reference/cli/docker/#environment-variables, https://developer.hashicorp.com/terraform/cli/config/environment-variables, https://docs.ansible.com/ansible/latest/reference_appendices/config.html, https://developer.hashicorp.com/vagrant/docs/other/environmental-variables, https://developer.hashicorp.com/packer/docs/configure, https://github.com/getsops/sops',
    names: [
      ...[
        'KUBECONFIG',
        'KUBERC',
        'KUBECTL_EXTERNAL_DIFF',
        'HELM_PLUGINS',
        'HELM_*HOME',
        'HELM_*CONFIG',
        'DOCKER_CONFIG',
      ],
      ...['BUILDX_CONFIG', 'TF_CLI_*', 'TF_PLUGIN_*', 'TF_DATA_DIR', 'TF_LOG*', 'ANSIBLE_*'],
      ...['VAGRANT_*', 'PACKER_PLUGIN_*', 'PACKER_CONFIG*', 'PULUMI_HOME', 'SOPS_GPG_EXEC'],
    ],
    but: ['ANSIBLE_HOST_KEY_CHECKING', 'ANSIBLE_FORCE_COLOR', 'ANSIBLE_NOCOLOR'],
  },
  {
    of: 'managers of versions and processes',
    source:
      'https://asdf-vm.com/manage/configuration.html, https://mise.jdx.dev/configuration.html, https://direnv.net/man/direnv.1.html, https://pm2.keymetrics.io, systemd(1)',
    names: ['ASDF_*', 'MISE_*', 'DIRENV_*', 'PM2_HOME', 'SYSTEMD_*'],
    but: ['MISE_ENV'],
  },
  // pictures and sound
  {
    of: 'toolkits and their modules',
    source:
      'https://docs.gtk.org/gtk4/running.html, https://docs.gtk.org/gio/overview.html, https://doc.qt.io/qt-6/deployment-plugins.html, https://gstreamer.freedesktop.org/documentation/gstreamer/running.html',
    names: ['GTK_*', 'GIO_*', 'GDK_*', 'GSETTINGS_*', 'QT_*', 'QML*_IMPORT_PATH', 'GST_PLUGIN_*'],
  },
  {
    of: 'drivers and codecs that are loaded from a path',
    source:
      'https://docs.mesa3d.org/envvars.html, https://github.com/KhronosGroup/Vulkan-Loader/blob/main/docs/LoaderInterfaceArchitecture.md, https://github.com/KhronosGroup/OpenCL-ICD-Loader, https://imagemagick.org/script/resources.php, https://ghostscript.readthedocs.io/en/latest/Use.html, https://gdal.org/en/stable/user/configoptions.html, https://wiki.libsdl.org, https://ffmpeg.org/ffmpeg.html',
    names: [
      ...['LIBGL_*', 'GBM_BACKENDS_PATH', 'VK_*LAYER*', 'VK_*DRIVER*', 'VK_ICD_*', 'OCL_ICD_*'],
      ...[
        'OPENCL_LAYERS',
        'LIBVA_DRIVER*',
        'MAGICK_*PATH',
        'GS_LIB',
        'GS_OPTIONS',
        'GDAL_DRIVER_*',
      ],
      ...['GDAL_VRT_ENABLE_PYTHON', 'GDAL_PYTHON_DRIVER_PATH', 'SDL_DYNAMIC_API', 'FFREPORT'],
      ...['ALSA_CONFIG_*', 'FREI0R_PATH', 'LADSPA_PATH', 'LV2_PATH', 'FONTCONFIG_FILE'],
    ],
  },
];
