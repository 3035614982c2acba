/**
 * Every setting of the shop in one place: its name, its type, its default, and what is wrong with a
 * value that does not fit. A store holds text, so each setting says how the text becomes a typed
 * value; an empty text means "not given" everywhere.
 *
 * Every message is written here and none quotes the value: a value may be the bot's token.
 */
import { SecretError } from '@keyfall/core';
import { z } from 'zod';

const notSet = 'is not set';

const text = z.string(notSet);
const optionalText = text.optional();

function matching(pattern: RegExp, message: string): z.ZodString {
  return text.regex(pattern, message);
}

function number(pattern: RegExp, message: string, minimum: number, maximum: number) {
  return matching(pattern, message)
    .transform(Number)
    .refine((value) => value >= minimum && value <= maximum, message);
}

function whole(minimum: number, maximum: number) {
  return number(
    /^\d{1,15}$/,
    `must be a whole number from ${minimum} to ${maximum}`,
    minimum,
    maximum,
  );
}

function decimal(minimum: number, maximum: number) {
  return number(
    /^\d{1,15}(\.\d+)?$/,
    `must be a number from ${minimum} to ${maximum}`,
    minimum,
    maximum,
  );
}

const percent = decimal(0, 100);
const minutes = whole(1, 525_600);
const days = whole(1, 36_500);

const flag = text
  .toLowerCase()
  .pipe(z.enum(['true', 'false'], 'must be true or false'))
  .transform((value) => value === 'true');

const url = text.refine(
  (value) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol),
  'must be an http or https address',
);

/** The token or a signature travels there, so plain http is for this machine only. */
const guardedUrl = url
  .refine(
    (value) =>
      !URL.canParse(value) ||
      new URL(value).protocol === 'https:' ||
      /^(localhost|127\.[\d.]+|\[::1\])$/.test(new URL(value).hostname),
    'must be an https address (plain http only on this machine)',
  )
  .transform((value) => value.replace(/\/+$/, ''));

const userIds = matching(
  /^\s*[1-9]\d{0,14}\s*(,\s*[1-9]\d{0,14}\s*)*$/,
  'must be Telegram user ids, separated by commas',
).transform((list): readonly number[] => list.split(',').map(Number));

/** How each setting is read. The order is the one of `.env.template`. */
const fields = {
  // Telegram
  TOKEN: matching(/^\d+:[\w-]{20,}$/, 'must be a bot token as @BotFather gives it'),
  ADMIN_ID_LIST: userIds,
  SUPPORT_LINK: url.optional(),
  // webhook
  WEBHOOK_PATH: matching(/^\/[\w\-./]*$/, 'must be a path that starts with /').default('/'),
  WEBAPP_HOST: matching(/^[\w\-.:]+$/, 'must be a host name or an IP address').default('localhost'),
  WEBAPP_PORT: whole(0, 65_535).default(5001),
  WEBHOOK_SECRET_TOKEN: matching(
    /^[\w-]{1,256}$/,
    'must be 1 to 256 letters, digits, _ or - (the Bot API allows no others)',
  ).optional(),
  // where it runs
  RUNTIME_ENVIRONMENT: text
    .toLowerCase()
    .pipe(z.enum(['dev', 'prod'], 'must be DEV or PROD'))
    .default('dev'),
  NGROK_TOKEN: optionalText,
  // database
  DB_NAME: text.default('database.db'),
  DB_ENCRYPTION: flag.default(false),
  DB_PASS: optionalText,
  // Redis
  REDIS_HOST: matching(/^[\w\-.:]+$/, 'must be a host name or an IP address').optional(),
  REDIS_PASSWORD: optionalText,
  // how the shop looks
  PAGE_ENTRIES: whole(1, 50).default(8),
  BOT_LANGUAGE: text
    .toLowerCase()
    .pipe(z.enum(['en', 'de'], 'must be en or de'))
    .default('en'),
  MULTIBOT: flag.default(false),
  CURRENCY: text
    .toUpperCase()
    .pipe(z.enum(['USD', 'EUR', 'GBP', 'CAD', 'JPY'], 'must be one of USD, EUR, GBP, CAD and JPY'))
    .default('USD'),
  // payments
  KRYPTO_EXPRESS_API_KEY: optionalText,
  KRYPTO_EXPRESS_API_URL: guardedUrl.default('https://kryptoexpress.pro/api'),
  KRYPTO_EXPRESS_API_SECRET: optionalText,
  // orders
  ORDER_TIMEOUT_MINUTES: minutes.default(30),
  ORDER_CANCEL_GRACE_PERIOD_MINUTES: minutes.default(5),
  PAYMENT_CHECK_INTERVAL_SECONDS: whole(1, 86_400).default(60),
  PAYMENT_TOLERANCE_OVERPAYMENT_PERCENT: percent.default(0.1),
  PAYMENT_UNDERPAYMENT_RETRY_ENABLED: flag.default(true),
  PAYMENT_UNDERPAYMENT_RETRY_TIMEOUT_MINUTES: minutes.default(30),
  PAYMENT_UNDERPAYMENT_PENALTY_PERCENT: percent.default(5),
  PAYMENT_LATE_PENALTY_PERCENT: percent.default(5),
  // how long data is kept
  DATA_RETENTION_DAYS: days.default(30),
  REFERRAL_DATA_RETENTION_DAYS: days.default(365),
  // shipping addresses
  ENCRYPTION_SECRET: matching(/^[\da-fA-F]{64}$/, 'must be 64 hexadecimal digits').optional(),
  // strikes and bans
  MAX_STRIKES_BEFORE_BAN: whole(1, 1000).default(3),
  EXEMPT_ADMINS_FROM_BAN: flag.default(true),
  UNBAN_TOP_UP_AMOUNT: decimal(0, 1_000_000).default(50),
  // this example's own, not the original bot's
  WEBHOOK_HOST: guardedUrl.optional(),
  TELEGRAM_API_ROOT: guardedUrl.default('https://api.telegram.org'),
};

/** The settings as the shop uses them. */
export type Config = Readonly<z.output<z.ZodObject<typeof fields>>>;

/** The name of a setting. */
export type SettingName = keyof Config;

/** Every setting's name, in the order of `.env.template`. */
export const settingNames = Object.keys(fields) as readonly SettingName[];

/** The settings that are secrets. The others may stand in a log. */
export const secretNames: readonly SettingName[] = [
  'TOKEN',
  'WEBHOOK_SECRET_TOKEN',
  'NGROK_TOKEN',
  'DB_PASS',
  'REDIS_PASSWORD',
  'KRYPTO_EXPRESS_API_KEY',
  'KRYPTO_EXPRESS_API_SECRET',
  'ENCRYPTION_SECRET',
];

/** Whether the shop runs without the setting. */
export function isOptional(name: SettingName): boolean {
  return fields[name].safeParse(undefined).success;
}

/** An empty text is a setting that is not given. */
function given<Field extends z.ZodType>(field: Field) {
  return z.preprocess((value) => value || undefined, field);
}

/** The settings that take effect while the bot runs, for `secrets.view`. */
export const liveSchema = z.object({
  ADMIN_ID_LIST: given(fields.ADMIN_ID_LIST),
  SUPPORT_LINK: given(fields.SUPPORT_LINK),
  PAGE_ENTRIES: given(fields.PAGE_ENTRIES),
  REDIS_PASSWORD: given(fields.REDIS_PASSWORD),
});

/** Their latest values. A property may throw a `SecretError`, see `Secrets.view`. */
export type LiveConfig = Readonly<z.output<typeof liveSchema>>;

/** Checks over two settings, which speak even while another setting is wrong. */
function needed(name: SettingName, condition: string) {
  return { path: [name], message: `must be set where ${condition}`, when: () => true };
}

const schema = z
  .object(fields)
  .refine(
    (config) => config.RUNTIME_ENVIRONMENT !== 'prod' || config.WEBHOOK_SECRET_TOKEN !== undefined,
    needed('WEBHOOK_SECRET_TOKEN', 'RUNTIME_ENVIRONMENT is PROD'),
  )
  .refine(
    (config) => config.RUNTIME_ENVIRONMENT !== 'prod' || config.WEBHOOK_HOST !== undefined,
    needed('WEBHOOK_HOST', 'RUNTIME_ENVIRONMENT is PROD'),
  )
  .refine(
    (config) => config.DB_ENCRYPTION !== true || config.DB_PASS !== undefined,
    needed('DB_PASS', 'DB_ENCRYPTION is true'),
  )
  .refine(
    (config) =>
      config.KRYPTO_EXPRESS_API_KEY === undefined || config.KRYPTO_EXPRESS_API_SECRET !== undefined,
    needed('KRYPTO_EXPRESS_API_SECRET', 'KRYPTO_EXPRESS_API_KEY is'),
  );

/**
 * Makes the typed settings of what the stores hold. Names that are no settings are ignored.
 *
 * @param values - text by name; a name that is absent or empty takes its default
 * @param origins - which provider each name comes from, for the error
 * @throws `ERR_SECRET_CONFIG` naming every setting that is missing or wrong, without any value
 */
export function parseConfig(
  values: Readonly<Record<string, string | undefined>>,
  origins: ReadonlyMap<string, string> = new Map(),
): Config {
  const given = settingNames.map((name) => [name, values[name] || undefined] as const);
  const result = schema.safeParse(Object.fromEntries(given));
  if (result.success) return result.data;
  const problems = new Map<string, string>();
  for (const { path, message } of result.error.issues) {
    const name = String(path[0]);
    const from = origins.has(name) && values[name] ? ` (from ${origins.get(name)})` : '';
    // the first thing that is wrong with a setting is enough
    if (!problems.has(name)) problems.set(name, `${name}${from} ${message}`);
  }
  const count = problems.size === 1 ? '1 setting is wrong' : `${problems.size} settings are wrong`;
  throw new SecretError('ERR_SECRET_CONFIG', `${count}: ${[...problems.values()].join('; ')}`, {
    hint: 'Each setting is explained in .env.template.',
  });
}
