/**
 * Calls of an AWS service through its client of the SDK, which the first call loads. No error of the SDK gets past
 * this file: see `aws-errors.ts`.
 */
import { type ReadContext, SecretError, withApplied } from '@keyfall/core/provider';
import {
  type AwsException,
  appliedAfter,
  classifyAwsError,
  type ErrorSubject,
} from './aws-errors.ts';

/** What a call needs of a provider's context. */
export interface CallContext {
  readonly signal: AbortSignal;
  /** As `ReadContext.stamp`: called for each request that goes out, repeats by the SDK included. */
  readonly stamp?: () => number;
  /** Receives what `stamp` returned for the request that was answered. */
  readonly answered?: (stamp: number | undefined) => void;
}

/** The context of the calls of one read. Of the requests that were answered it keeps the earliest stamp: that of the whole read. */
export function stampedContext({ signal, stamp }: Pick<ReadContext, 'signal' | 'stamp'>): {
  readonly context: CallContext;
  /** For the batch. */
  stamped(): { readonly stamp?: number };
} {
  let earliest = Number.POSITIVE_INFINITY;
  return {
    context: {
      signal,
      ...(stamp && { stamp }),
      answered: (at = Number.NaN) => {
        earliest = Math.min(earliest, at);
      },
    },
    stamped: () => (Number.isFinite(earliest) ? { stamp: earliest } : {}),
  };
}

/** A command of the SDK, as far as it is used here. */
export interface AwsCommand<Output> {
  readonly middlewareStack: {
    add(
      middleware: <Next extends (args: never) => unknown>(next: Next) => Next,
      options: { readonly step: 'deserialize'; readonly name: string },
    ): void;
  };
  resolveMiddleware(...given: never): (args: never) => Promise<{ readonly output: Output }>;
}

/** A client of the SDK, as far as it is used here. */
export interface AwsClient {
  readonly config: { readonly region: () => Promise<string> };
  send(command: never, options: { readonly abortSignal: AbortSignal }): Promise<unknown>;
  destroy(): void;
}

/** The result of a call. */
export type AwsReply<Output> =
  | { readonly output: Output; readonly exception?: undefined }
  | { readonly output?: undefined; readonly exception: AwsException; readonly error: SecretError };

/** A service of one region, as one caller. `Sdk` is the module of the service's client. */
export interface AwsCalls<Sdk> {
  /**
   * Sends a command, which is made with the SDK: that is loaded by then.
   *
   * @throws `SecretError` for every failure that is not an {@link AwsException}
   */
  call<Output>(
    context: CallContext,
    command: (sdk: Sdk) => AwsCommand<Output>,
  ): Promise<AwsReply<Output>>;
  /** The same for a call that changes something: its error says in `applied` what became of the change. */
  change<Output>(
    context: CallContext,
    command: (sdk: Sdk) => AwsCommand<Output>,
  ): Promise<AwsReply<Output>>;
  /** Ends the client, unless it is the application's own. */
  close(): void;
}

/** Who calls, and where. */
export interface AwsCallSettings<Sdk> extends ErrorSubject {
  /**
   * Default: what the SDK finds in its environment and files. A client of the application must be of this
   * region: in another one the secret would seem to be missing.
   */
  readonly region: string | undefined;
  /** The application's own client, which is then not closed here. */
  readonly client: AwsClient | undefined;
  /** Loads the module of the service's client: `() => import('@aws-sdk/client-ssm')`. */
  readonly load: () => Promise<Sdk>;
  /** Makes a client. It closes with {@link AwsCalls.close}. */
  readonly makeClient: (sdk: Sdk, options: { readonly region?: string }) => AwsClient;
}

/**
 * Calls of an AWS service. Making it loads nothing.
 *
 * @example
 * ```ts
 * import { awsCalls, type AwsService } from '@keyfall/aws';
 *
 * declare const service: AwsService;
 *
 * const calls = awsCalls({
 *   provider: 'aws-secrets-manager',
 *   subject: 'the secret shop/prod',
 *   service,
 *   region: 'eu-central-1',
 *   client: undefined,
 *   load: () => import('@aws-sdk/client-secrets-manager'),
 *   makeClient: (sdk, options) => new sdk.SecretsManagerClient(options),
 * });
 * const { signal } = new AbortController();
 * const reply = await calls.call(
 *   { signal },
 *   (sdk) => new sdk.DescribeSecretCommand({ SecretId: 'shop/prod' }),
 * );
 * ```
 */
export function awsCalls<Sdk>(settings: AwsCallSettings<Sdk>): AwsCalls<Sdk> {
  let own: AwsClient | undefined;
  let loaded: Promise<Sdk> | undefined;

  async function assertRegion({ config }: AwsClient): Promise<void> {
    const { provider, region } = settings;
    const clientRegion = await config.region();
    if (clientRegion !== region)
      throw new SecretError(
        'ERR_SECRET_CONFIG',
        `the option client is for the region ${clientRegion}, but the secret is in ${region}`,
        {
          provider,
          setting: { option: 'client' },
          hint: 'Use a client for that region, or the ARN of the replica.',
        },
      );
  }

  async function send<Output>(
    context: CallContext,
    makeCommand: (sdk: Sdk) => AwsCommand<Output>,
    isChange: boolean,
  ): Promise<AwsReply<Output>> {
    loaded ??= settings.load();
    const sdk = await loaded;
    const { region, client = own } = settings;
    let stamp: number | undefined;
    try {
      const caller = client ?? settings.makeClient(sdk, region === undefined ? {} : { region });
      if (client === undefined) own = caller;
      else if (region !== undefined) await assertRegion(caller);
      const command = makeCommand(sdk);
      // below the step in which the SDK repeats, so that it is called for each attempt
      command.middlewareStack.add(
        (next) =>
          ((args) => {
            stamp = context.stamp?.();
            return next(args);
          }) as typeof next,
        { step: 'deserialize', name: 'keyfallStamp' },
      );
      // a signal of its own: Node takes the listeners of many requests on one signal for a leak
      const abortSignal = AbortSignal.any([context.signal]);
      // the SDK's own types infer the output from more of a command than is used here
      const output = (await caller.send(command as never, { abortSignal })) as Output;
      context.answered?.(stamp);
      return { output };
    } catch (thrown) {
      const applied = isChange ? appliedAfter(thrown, settings.service) : undefined;
      const marked = (error: SecretError) => (applied ? withApplied(error, applied) : error);
      const found = classifyAwsError(thrown, settings, context.signal);
      if (found instanceof SecretError) throw marked(found);
      context.answered?.(stamp);
      return { exception: found.exception, error: marked(found.error) };
    }
  }

  return {
    call: (context, command) => send(context, command, false),
    change: (context, command) => send(context, command, true),
    close() {
      own?.destroy();
      own = undefined;
    },
  };
}
