/** Requests to one hub for one pull: where the access token may go, what an answer means, when a connection counts as cut. */
import * as v from 'valibot';
import { Cancelled, LatroError, throwIfCancelled } from '../common/errors.ts';
import { errorCode } from '../common/file_system.ts';
import type { AccessToken } from './access_token.ts';
import type { HubEndpoint } from './hub_endpoint.ts';
import type { HubSource } from './hub_source.ts';
import type { PullWorld } from './pull_world.ts';
import { refusal } from './refusal.ts';
import { type RetryHooks, retry, TransientFailure } from './retry.ts';

const MAX_REDIRECTS = 8;
const MAX_API_BYTES = 32 << 20;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** An answer of status 200, 206 or 416. Its body must be read to the end or discarded. */
export interface HubResponse {
  readonly status: number;
  readonly headers: Headers;
  /** Fails with Cancelled, or with TransientFailure when the connection is cut or stalls. */
  body(): AsyncIterable<Uint8Array>;
  discard(): Promise<void>;
}

export interface GetOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Refuse to be sent elsewhere: what files must hash to is taken from the hub itself only. */
  readonly stayOnHub?: boolean;
}

export class HubConnection {
  readonly endpoint: HubEndpoint;
  readonly source: HubSource;
  readonly #world: PullWorld;
  readonly #token: AccessToken | null;
  readonly #signal: AbortSignal | undefined;

  /** @throws LatroError `bad-request` when the token would travel in the clear */
  constructor(
    endpoint: HubEndpoint,
    source: HubSource,
    token: AccessToken | null,
    world: PullWorld,
    signal: AbortSignal | undefined,
  ) {
    if (token !== null && !endpoint.isPrivate) {
      throw new LatroError(
        'bad-request',
        `The access token is not sent to ${endpoint.host}, because http can be read on the way.`,
        'Use an https address of the hub, or pull without a token.',
      );
    }
    this.endpoint = endpoint;
    this.source = source;
    this.#token = token;
    this.#world = world;
    this.#signal = signal;
  }

  /**
   * One request, redirects followed by hand: the token goes to the hub's own origin and, once a redirect has left that, nowhere.
   * @throws LatroError, TransientFailure or Cancelled
   */
  async get(address: string, options: GetOptions = {}): Promise<HubResponse> {
    throwIfCancelled(this.#signal);
    const watchdog = new Watchdog(this.#world.stallMilliseconds, this.#signal);
    try {
      let url = new URL(address);
      let fromHub = url.origin === this.endpoint.origin;
      for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
        if (options.stayOnHub && !fromHub) throw this.#unexpected('sends requests about its files to another server');
        const response = await this.#world.fetch(url.href, {
          redirect: 'manual',
          signal: watchdog.signal,
          headers: {
            ...options.headers,
            ...(fromHub && this.#token !== null ? { authorization: this.#token.authorization } : {}),
          },
        });
        watchdog.touch();
        const { status, headers } = response;
        if (status === 200 || status === 206 || status === 416) return this.#response(response, watchdog);
        await response.body?.cancel();
        if (!REDIRECTS.has(status)) {
          const { endpoint, source } = this;
          const hasToken = this.#token !== null;
          throw refusal(status, headers, { endpoint, source, hasToken, fromHub, now: this.#world.clock.now() });
        }
        url = this.#redirectTarget(url, headers.get('location') ?? '');
        fromHub &&= url.origin === this.endpoint.origin;
      }
      throw this.#unexpected('redirects without end');
    } catch (error) {
      watchdog.stop();
      throw this.#translated(error, watchdog);
    }
  }

  /**
   * A fetch for the hub library: JSON of the form of `schema` from the hub itself. It repeats what may go better the next time.
   * The library is never given the token; `get` adds it.
   */
  apiFetch(schema: v.GenericSchema, hooks: RetryHooks = {}): typeof fetch {
    return (input) =>
      retry(
        this.#world,
        this.#signal,
        async () => {
          const address = input instanceof Request ? input.url : String(input);
          const response = await this.get(address, { headers: { accept: 'application/json' }, stayOnHub: true });
          const text = await this.#text(response);
          if (response.status !== 200 || !v.is(schema, parseJson(text))) {
            throw this.#unexpected('does not answer as a Hugging Face hub does');
          }
          const link = response.headers.get('link');
          return new Response(text, { headers: link === null ? {} : { link } });
        },
        hooks,
      );
  }

  async #text(response: HubResponse): Promise<string> {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body()) {
      bytes += chunk.length;
      if (bytes > MAX_API_BYTES) throw this.#unexpected(`answers with more than ${MAX_API_BYTES >> 20} MiB of JSON`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  #redirectTarget(from: URL, location: string): URL {
    if (!URL.canParse(location, from.href)) throw this.#unexpected('redirects to something that is no address');
    const target = new URL(location, from);
    if (target.protocol !== 'https:' && target.protocol !== from.protocol) {
      throw this.#unexpected(`redirects from ${from.protocol} to ${target.protocol}`);
    }
    return target;
  }

  #response(response: Response, watchdog: Watchdog): HubResponse {
    const translated = (error: unknown) => this.#translated(error, watchdog);
    return {
      status: response.status,
      headers: response.headers,
      async *body() {
        const reader = response.body?.getReader();
        try {
          for (;;) {
            const piece = await reader?.read();
            if (piece === undefined || piece.done) return;
            // Whoever writes the piece away may be slow; that is not the connection's fault.
            watchdog.stop();
            yield piece.value;
            watchdog.touch();
          }
        } catch (error) {
          throw translated(error);
        } finally {
          watchdog.stop();
          await reader?.cancel().catch(() => {});
        }
      },
      async discard() {
        watchdog.stop();
        await response.body?.cancel().catch(() => {});
      },
    };
  }

  /** What fetch throws is a cancellation, a cut connection or something of ours already. */
  #translated(error: unknown, watchdog: Watchdog): unknown {
    if (this.#signal?.aborted) return new Cancelled();
    if (error instanceof LatroError || error instanceof TransientFailure) return error;
    if (!watchdog.hasBitten && !(error instanceof TypeError)) return error;
    const why = watchdog.hasBitten
      ? `nothing came for ${this.#world.stallMilliseconds / 1000} s`
      : (errorCode((error as Error).cause ?? {}) ?? 'cut off');
    return new TransientFailure(
      new LatroError(
        'download-failed',
        `The connection to ${this.endpoint.host} failed (${why}).`,
        'Check the network and pull again; what has arrived is kept.',
      ),
    );
  }

  #unexpected(what: string): LatroError {
    return new LatroError(
      'download-failed',
      `${this.endpoint.host} ${what}.`,
      'Check HF_ENDPOINT if it is set, and whether the network asks for a login first.',
    );
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Aborts when it has not been touched for a while, or when `outer` does. */
class Watchdog {
  readonly signal: AbortSignal;
  readonly #milliseconds: number;
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(milliseconds: number, outer: AbortSignal | undefined) {
    this.#milliseconds = milliseconds;
    this.signal = outer === undefined ? this.#controller.signal : AbortSignal.any([outer, this.#controller.signal]);
    this.touch();
  }

  get hasBitten(): boolean {
    return this.#controller.signal.aborted;
  }

  touch(): void {
    this.stop();
    this.#timer = setTimeout(() => this.#controller.abort(), this.#milliseconds);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
