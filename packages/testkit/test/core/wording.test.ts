/**
 * The words of the chain's errors and events, in one snapshot. Other tests look at codes and fields, so that a sentence is
 * improved in its source and here alone (`vitest -u`).
 */
import {
  createSecrets,
  memoryProvider,
  SecretError,
  type SecretErrorCode,
  type Secrets,
} from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { type Mood, scripted } from './scripted-provider.ts';

const messageOf = (call: () => unknown): Promise<string> =>
  Promise.resolve()
    .then(call)
    .then(
      () => 'no error',
      (error: Error) => error.message,
    );

/** What each of these calls rejects with, under its name. */
async function messagesOf(calls: Readonly<Record<string, () => unknown>>): Promise<string> {
  const lines: string[] = [];
  for (const [name, call] of Object.entries(calls))
    lines.push(`${name}:`, `  ${await messageOf(call)}`);
  return lines.join('\n');
}

const moods: readonly Mood[] = [
  'unavailable',
  'denied',
  'unauthenticated',
  'tls',
  'invalid',
  'config',
  'missing-document',
  'no-file',
];

test('the errors of a read have these words', async () => {
  const alone = (mood: Mood) => createSecrets({ providers: [scripted('vault', {}, { mood })] });
  const calls: Record<string, () => unknown> = {};
  for (const mood of moods) {
    calls[`get, ${mood}`] = () => alone(mood).get('TOKEN');
    calls[`getAll, ${mood}`] = () => alone(mood).getAll();
  }
  calls['get, held by neither'] = () =>
    createSecrets({
      providers: [scripted('vault'), scripted('dotenv', {}, { mood: 'no-file' })],
    }).get('TOKEN');
  calls['get, required'] = () =>
    createSecrets({
      providers: [
        { provider: scripted('vault', {}, { mood: 'missing-document' }), required: true },
      ],
    }).get('TOKEN');
  calls['get, after close'] = async () => {
    const secrets = createSecrets({ providers: [scripted('vault')] });
    await secrets.close();
    return secrets.get('TOKEN');
  };
  expect(await messagesOf(calls)).toMatchSnapshot();
});

test('the errors of a write have these words', async () => {
  const failing = (code: SecretErrorCode, applied?: 'no' | 'yes' | 'unknown') =>
    createSecrets({
      providers: [
        {
          ...memoryProvider({ A: 'a' }),
          write: () => Promise.reject(new SecretError(code, 'the line was cut', { applied })),
        } satisfies SecretProvider,
      ],
    });
  const calls: Record<string, () => unknown> = {
    'set, read-only': () => createSecrets({ providers: [scripted('env')] }).set('A', 'a'),
    'set, shadowed': () =>
      createSecrets({
        providers: [scripted('env', { A: 'own' }), scripted('vault', {}, { writable: true })],
      }).set('A', 'a'),
    'set, no receipt': () =>
      createSecrets({
        providers: [{ ...memoryProvider(), write: async () => undefined as never }],
      }).set('A', 'a'),
  };
  for (const applied of ['no', 'yes', 'unknown'] as const) {
    calls[`set, applied: ${applied}`] = () =>
      failing('ERR_SECRET_UNAVAILABLE', applied).set('A', 'x');
    calls[`delete, applied: ${applied}`] = () =>
      failing('ERR_SECRET_UNAVAILABLE', applied).delete('A');
  }
  expect(await messagesOf(calls)).toMatchSnapshot();
});

test('the errors of load() have these words', async () => {
  const of = (mood: Mood, values: Record<string, string> = {}) =>
    createSecrets({ providers: [scripted('vault', values, { mood })] });
  const schema = z.object({ TOKEN: z.string(), PORT: z.string().regex(/^\d+$/, 'must be a port') });
  const load = (secrets: Secrets) => () => secrets.load(schema);
  expect(
    await messagesOf({
      missing: load(of('answers')),
      malformed: load(of('answers', { TOKEN: 't', PORT: 'canary' })),
      unavailable: load(of('unavailable')),
      denied: load(of('denied')),
      'no schema': () => of('answers').load({} as never),
      'a schema that throws': () =>
        of('answers', { TOKEN: 't' }).load(
          z.object({ TOKEN: z.string().transform((text) => JSON.parse(text)) }),
        ),
    }),
  ).toMatchSnapshot();
});

test('explain and the events have these words', async () => {
  const lines: string[] = [];
  for (const mood of moods) {
    const secrets = createSecrets({
      providers: [
        { provider: scripted('vault', {}, { mood }), onDenied: 'next' },
        { provider: scripted('snapshot', { A: 's' }), standby: true },
        scripted('dotenv', { A: 'plain' }),
      ],
    });
    secrets.on('fallback', ({ detail, reason }) => lines.push(`fallback, ${reason}: ${detail}`));
    secrets.on('denied', ({ detail }) => lines.push(`denied: ${detail}`));
    const { attempts } = await secrets.explain('A');
    for (const { provider, outcome, reason } of attempts)
      lines.push(`${mood}: ${provider} ${outcome}: ${reason}`);
    await secrets.close();
  }
  expect(lines.join('\n')).toMatchSnapshot();
});
