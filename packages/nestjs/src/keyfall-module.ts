/**
 * The chain in a NestJS application. The application owns it: injects it, answers for its failures, and closes it.
 *
 * The decorators are called as functions, since TypeScript that only needs its types removed has none.
 */
import type { Secrets } from '@keyfall/core';
import { assertOptions, type OptionKinds } from '@keyfall/core/provider';
import {
  type DynamicModule,
  type FactoryProvider,
  Inject,
  Module,
  type ModuleMetadata,
  type OnApplicationShutdown,
  type Provider,
} from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { SecretErrorFilter } from './secret-error-filter.ts';

/** The token that the chain is injected by: `@Inject(SECRETS) secrets: Secrets`. */
export const SECRETS: unique symbol = Symbol.for('keyfall:secrets');

/** Options of {@link KeyfallModule.forRoot}. */
export interface KeyfallModuleOptions {
  /** The chain. It is closed with the application. */
  readonly secrets: Secrets;
  /** Whether every module can inject it without importing this one. Default false. */
  readonly isGlobal?: boolean | undefined;
}

/** Options of {@link KeyfallModule.forRootAsync}. */
export interface KeyfallModuleAsyncOptions {
  /** Makes the chain of what is injected. */
  readonly useFactory: FactoryProvider<Secrets>['useFactory'];
  /** What `useFactory` is called with: `[ConfigService]`. */
  readonly inject?: NonNullable<FactoryProvider<Secrets>['inject']> | undefined;
  /** The modules where that is. */
  readonly imports?: NonNullable<ModuleMetadata['imports']> | undefined;
  /** Whether every module can inject the chain without importing this one. Default false. */
  readonly isGlobal?: boolean | undefined;
}

const optionKinds: OptionKinds<KeyfallModuleOptions> = {
  secrets: 'an object',
  isGlobal: 'true or false',
};

const asyncOptionKinds: OptionKinds<KeyfallModuleAsyncOptions> = {
  useFactory: 'a function',
  inject: 'a list',
  imports: 'a list',
  isGlobal: 'true or false',
};

/**
 * Nest's module for a chain, which is injected by {@link SECRETS}. A request that failed by a `SecretError` is answered with 503 or
 * 500 (`httpStatusOf` of `@keyfall/core`), never with the store's 403, and with a text that names nothing; the error is in the log of
 * Nest. The chain is closed when the application shuts down (`app.close()`, and signals after `app.enableShutdownHooks()`), after
 * the last request.
 *
 * @example
 * ```ts
 * import { createSecrets, type Secrets } from '@keyfall/core';
 * import { KeyfallModule, SECRETS } from '@keyfall/nestjs';
 * import { vaultProvider } from '@keyfall/provider-vault';
 * import { Inject, Injectable, Module } from '@nestjs/common';
 *
 * const secrets = createSecrets({ providers: [vaultProvider({ path: 'shop' })] });
 *
 * @Injectable()
 * class Payments {
 *   constructor(@Inject(SECRETS) private readonly secrets: Secrets) {}
 *   key = () => this.secrets.get('PAYMENT_KEY');
 * }
 *
 * @Module({ imports: [KeyfallModule.forRoot({ secrets })], providers: [Payments] })
 * class AppModule {}
 * ```
 */
export class KeyfallModule implements OnApplicationShutdown {
  readonly #secrets: Secrets;

  /** Called by Nest. */
  constructor(secrets: Secrets) {
    this.#secrets = secrets;
  }

  /**
   * The module of a chain that there is.
   * @throws `ERR_SECRET_CONFIG` for an option that is wrong
   */
  static forRoot(options: KeyfallModuleOptions): DynamicModule {
    assertOptions(options, 'KeyfallModule.forRoot', optionKinds);
    const { secrets, isGlobal = false } = options;
    return moduleOf({ provide: SECRETS, useValue: secrets }, isGlobal);
  }

  /**
   * The module of a chain that is made of what other modules provide.
   * @throws `ERR_SECRET_CONFIG` for an option that is wrong
   */
  static forRootAsync(options: KeyfallModuleAsyncOptions): DynamicModule {
    assertOptions(options, 'KeyfallModule.forRootAsync', asyncOptionKinds);
    const { useFactory, inject = [], imports = [], isGlobal = false } = options;
    return moduleOf({ provide: SECRETS, useFactory, inject }, isGlobal, imports);
  }

  /** Closes the chain. Called by Nest. */
  async onApplicationShutdown(): Promise<void> {
    await this.#secrets.close();
  }
}

Inject(SECRETS)(KeyfallModule, undefined, 0);
Module({})(KeyfallModule);

function moduleOf(
  chain: Provider,
  isGlobal: boolean,
  imports: NonNullable<ModuleMetadata['imports']> = [],
): DynamicModule {
  return {
    module: KeyfallModule,
    global: isGlobal,
    imports,
    providers: [chain, { provide: APP_FILTER, useClass: SecretErrorFilter }],
    exports: [SECRETS],
  };
}
