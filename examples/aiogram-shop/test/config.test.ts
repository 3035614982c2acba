import { fileURLToPath } from 'node:url';
import { createSecrets, isSecretError, type SecretError } from '@keyfall/core';
import { dotenvProvider } from '@keyfall/provider-dotenv';
import { describe, expect, it } from 'vitest';
import { type Config, isOptional, liveSchema, parseConfig, settingNames } from '../src/config.ts';
import { admin, canaries, leaksIn, settings } from './fixtures.ts';

function problemOf(values: Record<string, string>, origins?: Map<string, string>): SecretError {
  try {
    parseConfig(values, origins);
  } catch (error) {
    if (isSecretError(error, 'ERR_SECRET_CONFIG')) return error;
    throw error;
  }
  throw new Error('The settings were accepted.');
}

describe('parseConfig', () => {
  it('gives every setting its type', () => {
    const config: Config = parseConfig({
      ...settings,
      ADMIN_ID_LIST: '1, 22 ,333',
      PAGE_ENTRIES: '5',
      DB_ENCRYPTION: 'TRUE',
      PAYMENT_TOLERANCE_OVERPAYMENT_PERCENT: '0.25',
      RUNTIME_ENVIRONMENT: 'DEV',
      CURRENCY: 'eur',
      BOT_LANGUAGE: 'DE',
      TELEGRAM_API_ROOT: 'http://127.0.0.1:8081/',
    });
    expect(config).toMatchObject({
      ADMIN_ID_LIST: [1, 22, 333],
      PAGE_ENTRIES: 5,
      DB_ENCRYPTION: true,
      PAYMENT_TOLERANCE_OVERPAYMENT_PERCENT: 0.25,
      RUNTIME_ENVIRONMENT: 'dev',
      CURRENCY: 'EUR',
      BOT_LANGUAGE: 'de',
      TELEGRAM_API_ROOT: 'http://127.0.0.1:8081',
    });
  });

  it('needs only the token and the admins, and treats an empty text as not given', () => {
    const { TOKEN = '', ADMIN_ID_LIST = '' } = settings;
    const config = parseConfig({ TOKEN, ADMIN_ID_LIST, PAGE_ENTRIES: '', SUPPORT_LINK: '' });
    expect(config.PAGE_ENTRIES).toBe(8);
    expect(config.SUPPORT_LINK).toBeUndefined();
    expect(problemOf({}).message).toMatch(/^2 .*\bTOKEN .*\bADMIN_ID_LIST .*\.env\.template\.$/);
  });

  it('names every problem in one error with where it comes from, and never a value', () => {
    const wrong = {
      ...settings,
      TOKEN: canaries.DB_PASS,
      ADMIN_ID_LIST: '12;canary-webhook-secret-token',
      PAGE_ENTRIES: '8 canary-redis-password',
      MULTIBOT: 'yes',
      CURRENCY: 'canary-krypto-key',
      WEBAPP_PORT: '70000',
      PAYMENT_LATE_PENALTY_PERCENT: '-1',
      ENCRYPTION_SECRET: canaries.NGROK_TOKEN,
      KRYPTO_EXPRESS_API_URL: 'http://pay.example',
      TELEGRAM_API_ROOT: 'ftp://127.0.0.1',
      RUNTIME_ENVIRONMENT: 'prod',
      WEBHOOK_SECRET_TOKEN: 'not allowed!',
    };
    const error = problemOf(wrong, new Map([['MULTIBOT', 'vault']]));
    expect(error.message).toMatch(/^12 /);
    for (const name of [
      ...Object.keys(wrong).filter((key) => wrong[key as 'TOKEN'] !== settings[key]),
      'WEBHOOK_HOST',
    ])
      expect(error.message).toContain(name);
    expect(error.message).toContain('MULTIBOT (from vault) ');
    expect(error.message).toMatch(/WEBHOOK_HOST [^;]*RUNTIME_ENVIRONMENT/);
    expect(leaksIn(`${error.message} ${error.stack} ${JSON.stringify(error)}`)).toEqual([]);
  });

  it.each(['1', 'yes', 'on', 'treu', ' true'])('takes %j for no boolean', (value) => {
    expect(problemOf({ ...settings, MULTIBOT: value }).message).toContain('MULTIBOT');
  });

  it.each(['1e3', '0x10', '8.0', '٣', '-8', ' 8', '9'.repeat(400)])(
    'takes %j for no whole number',
    (value) => {
      expect(problemOf({ ...settings, ORDER_TIMEOUT_MINUTES: value }).message).toContain(
        'ORDER_TIMEOUT_MINUTES ',
      );
    },
  );

  it('asks for DB_PASS where DB_ENCRYPTION is true', () => {
    const error = problemOf({ ...settings, DB_PASS: '', DB_ENCRYPTION: 'true' });
    expect(error.message).toMatch(/DB_PASS [^;]*DB_ENCRYPTION/);
  });
});

describe('liveSchema', () => {
  it('takes an empty text for a setting that is not given', () => {
    const { ADMIN_ID_LIST } = settings;
    expect(liveSchema.parse({ ADMIN_ID_LIST, PAGE_ENTRIES: '', SUPPORT_LINK: '' })).toEqual({
      ADMIN_ID_LIST: [admin],
      PAGE_ENTRIES: 8,
    });
    expect(liveSchema.parse({ ADMIN_ID_LIST })).toMatchObject({ PAGE_ENTRIES: 8 });
    expect(liveSchema.safeParse({ ADMIN_ID_LIST: '' }).success).toBe(false);
  });
});

describe('isOptional', () => {
  it('is false of the two settings that nothing stands in for', () => {
    expect(settingNames.filter((name) => !isOptional(name))).toEqual(['TOKEN', 'ADMIN_ID_LIST']);
  });
});

describe('.env.template', () => {
  it('lists every setting, and needs only the two that it cannot know', async () => {
    const path = fileURLToPath(new URL('../.env.template', import.meta.url));
    const template = await createSecrets({ providers: [dotenvProvider({ path })] }).getAll();
    const ofTheChain = Object.keys(template).filter(
      (name) => !(settingNames as readonly string[]).includes(name),
    );
    expect(ofTheChain).toEqual([
      'USE_VAULT',
      'VAULT_ADDR',
      'VAULT_TOKEN',
      'VAULT_MOUNT_POINT',
      'VAULT_SECRET_PATH',
      'KEYFALL_TTL',
    ]);
    expect(Object.keys(template)).toEqual(expect.arrayContaining([...settingNames]));
    expect(problemOf(template).message).toMatch(/^2 .*\bTOKEN .*\bADMIN_ID_LIST /);
    const { TOKEN = '', ADMIN_ID_LIST = '' } = settings;
    const required = { TOKEN, ADMIN_ID_LIST };
    expect(parseConfig({ ...template, ...required })).toEqual(parseConfig(required));
  });
});
