/**
 * What an application answers a request with that failed by a secret.
 */
import { STATUS_CODES } from 'node:http';
import { httpStatusOf, isSecretError } from '@keyfall/core';
import { type ArgumentsHost, Catch, HttpException, Logger } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';

/** What Nest compares an error with, by `instanceof`: a `SecretError` of any copy of core. */
// biome-ignore lint/complexity/noStaticOnlyClass: instanceof needs a class
class AnySecretError {
  static [Symbol.hasInstance](error: unknown): boolean {
    return isSecretError(error);
  }
}

/** Nest's filter for every `SecretError`. */
export class SecretErrorFilter extends BaseExceptionFilter {
  readonly #logger: Logger = new Logger('Keyfall');

  override catch(error: Error, host: ArgumentsHost): void {
    const status = httpStatusOf(error);
    // a microservice or a socket has no status: Nest goes on with it
    if (status === undefined || host.getType() !== 'http') throw error;
    this.#logger.error(error.message, error.stack);
    const message = 'A secret could not be read.';
    super.catch(
      new HttpException({ statusCode: status, error: STATUS_CODES[status], message }, status),
      host,
    );
  }
}

Catch(AnySecretError)(SecretErrorFilter);
