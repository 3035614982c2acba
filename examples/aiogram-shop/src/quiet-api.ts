/**
 * Cleans every error of a Telegram call before anything can print it. grammY's HttpError holds the
 * error of its fetch, whose message is the address with the bot's token in it; its GrammyError holds
 * the whole request, and that of setWebhook has the webhook's secret token. grammY itself prints
 * both where `DEBUG=grammy*` is set.
 */
import { GrammyError, HttpError, type Transformer } from 'grammy';
import { errnoOf, type Log } from './log.ts';

/** The one refusal that the bot has to tell from others: an edit that changes nothing. */
const notModified = 'message is not modified';

/**
 * A transformer for `bot.api.config.use`: what it throws has neither an address, a request nor a
 * word of the answer. It also tells, once per outage, that Telegram cannot be reached.
 */
export function quietApi(log: Log): Transformer {
  let reachable = true;
  return async (call, method, payload, signal) => {
    const answer = await call(method, payload, signal).catch((error: unknown) => {
      const cause = error instanceof HttpError ? error.error : undefined;
      const code = errnoOf(cause) ?? 'no answer';
      if (reachable && !signal?.aborted) {
        reachable = false;
        log(`Telegram cannot be reached (${code}); trying again.`);
      }
      throw new HttpError(`Telegram could not be asked for ${method} (${code})`, undefined);
    });
    if (!reachable) {
      reachable = true;
      log('Telegram answers again.');
    }
    if (answer.ok) return answer;
    const { error_code, parameters } = answer;
    const description = answer.description.includes(notModified) ? notModified : 'not shown';
    throw new GrammyError(
      'Telegram refused',
      { ok: false, error_code, description, ...(parameters && { parameters }) },
      method,
      {},
    );
  };
}

/** Whether Telegram refused an edit because the message already looks like that. */
export function isNotModified(error: unknown): boolean {
  return error instanceof GrammyError && error.description === notModified;
}
