/**
 * The names that take over a program, and those that look like one and are an application's own.
 */
import { expect, test } from 'vitest';
import { credentials, takeOverFamilies, takesOver } from '../src/run/take-over-names.ts';

const words = (text: string) => text.trim().split(/\s+/);

test.each(
  words(`
    LUA_PATH_5_4 TCL_LIBRARY XDG_DATA_DIRS XDG_RUNTIME_DIR GOENV GOCACHEPROG GOTOOLCHAIN RSYNC_CONNECT_PROG
    YARN_SCRIPT_SHELL PYTEST_ADDOPTS PYTEST_PLUGINS GUNICORN_CMD_ARGS DBUS_SESSION_BUS_ADDRESS GIT_TRACE2
    GIT_TRACE2_EVENT GIT_TRACE GIT_SSH_VARIANT NODE_V8_COVERAGE NODE_REDIRECT_WARNINGS NODE_ICU_DATA NODE_DEBUG
    SSLKEYLOGFILE AWS_PAGER AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE COREPACK_HOME R_LIBS_USER
    LESS LESSKEYIN_SYSTEM PERL5SHELL PERL_MM_OPT RUBYSHELL RUBYGEMS_GEMDEPS PIP_INDEX_URL UV_INDEX_URL
    POETRY_VIRTUALENVS_PATH CARGO_BUILD_RUSTC_WRAPPER CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER RUSTUP_TOOLCHAIN
    CLOUDSDK_PYTHON KUBECONFIG DOCKER_CONFIG TF_CLI_ARGS ANSIBLE_VAULT_PASSWORD_FILE HELM_PLUGINS SOPS_GPG_EXEC
    KUBE_EDITOR SUDO_EDITOR GH_PAGER SSH_SK_PROVIDER ZIPOPT FZF_DEFAULT_OPTS RIPGREP_CONFIG_PATH ODBCSYSINI
    ES_JAVA_OPTS JAVACMD GRADLE_USER_HOME ASPNETCORE_HOSTINGSTARTUPASSEMBLIES DOTNET_gcServerProfilerPath
    NAPI_RS_NATIVE_LIBRARY_PATH ESBUILD_BINARY_PATH PRISMA_QUERY_ENGINE_LIBRARY PYTHON_PRESITE BASH_XTRACEFD
    VK_ADD_LAYER_PATH MAGICK_CODER_MODULE_PATH PSMODULEPATH Npm_Config_Node_Options BUNDLE_MIRROR__ALL
  `),
)('%s takes a program over', (name) => {
  expect(takesOver(name)).toBe(true);
});

test.each(
  words(`
    HOST PORT USER CC TMPDIR TZ LANG NODE_ENV NODE_EXTRA_CA_CERTS SSL_CERT_FILE DATABASE_URL PGHOST PGPASSWORD
    REDIS_URL HTTP_PROXY HTTPS_PROXY NO_PROXY OPENAI_BASE_URL AWS_ACCESS_KEY_ID AWS_ENDPOINT_URL AWS_PROFILE
    GOOGLE_APPLICATION_CREDENTIALS GOOGLE_API_KEY DOCKER_HOST GIT_COMMIT GIT_TOKEN GIT_SSH_KEY VK_API_KEY GST_NUMBER
    PYTHONUNBUFFERED PYTHON_SERVICE_URL FLASK_APP DJANGO_SETTINGS_MODULE UVICORN_PORT UWSGI_PROCESSES
    RUST_LOG RUBY_VERSION GOMAXPROCS GOOGLE_PROJECT COMPOSER_AUTH UV_THREADPOOL_SIZE UV_PUBLISH_TOKEN
    CARGO_REGISTRY_TOKEN POETRY_PYPI_TOKEN_SHOP POETRY_HTTP_BASIC_SHOP_PASSWORD BUNDLE_GITHUB__COM TF_VAR_region
    MIX_PUSHER_APP_KEY IEX_API_KEY JUPYTER_TOKEN RSYNC_HOST RSYNC_PASSWORD MAVEN_PASSWORD R_KEY DENO_DEPLOY_TOKEN
    KAFKA_BROKERS ANSIBLE_BECOME_PASSWORD TELEGRAM_TOKEN WEB_CONCURRENCY path home editor
  `),
)("%s is an application's own", (name) => {
  expect(takesOver(name)).toBe(false);
});

test('on Windows, where the case of a name does not count, path is PATH', () => {
  expect(['path', 'Node_Options', 'home'].map((name) => takesOver(name, true))).toEqual([
    true,
    true,
    true,
  ]);
  expect(['path', 'shop_path'].map((name) => takesOver(name, false))).toEqual([false, false]);
  expect(takesOver('shop_path', true)).toBe(false);
});

test('each family has its origin and source, and no name is in two families', () => {
  const all = takeOverFamilies.flatMap(({ names }) => names);
  expect(all.filter((name, at) => all.indexOf(name) !== at)).toEqual([]);
  for (const { of, sources, names, but = [] } of takeOverFamilies) {
    expect(of).not.toBe('');
    expect(sources.length).toBeGreaterThan(0);
    for (const source of sources) expect(source).toMatch(/^(?:https:\/\/\S+|[\w.-]+\(\w+\))$/);
    expect(names.length).toBeGreaterThan(0);
    for (const name of [...names, ...but, ...credentials])
      expect(name).toMatch(/^[A-Za-z_*][\w*]*$/);
  }
});
