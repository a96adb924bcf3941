/** What the hub's refusals mean for the user. No text of the server enters an error: it may say anything, also repeat the token. */
import { LatroError } from '../common/errors.ts';
import type { HubEndpoint } from './hub_endpoint.ts';
import { describeSource, type HubSource } from './hub_source.ts';
import { TransientFailure } from './retry.ts';

export interface RefusedRequest {
  readonly endpoint: HubEndpoint;
  readonly source: HubSource;
  readonly hasToken: boolean;
  /** False when the hub had redirected to a storage server. */
  readonly fromHub: boolean;
  /** Milliseconds since 1970, for dates in Retry-After. */
  readonly now: number;
}

/**
 * A LatroError when asking again would not help, a TransientFailure otherwise. The hub tells its refusals apart by X-Error-Code,
 * because it answers 401 for whatever a reader without a token may not even know to exist
 * (huggingface_hub, utils/_http.py, `hf_raise_for_status`).
 */
export function refusal(status: number, headers: Headers, request: RefusedRequest): LatroError | TransientFailure {
  const { endpoint, source, hasToken } = request;
  const subject = describeSource(source);
  if (status === 429) {
    const wait = requestedWait(headers, request.now);
    const minutes = Math.ceil(wait / 60_000);
    return new TransientFailure(
      new LatroError(
        'hub-rate-limited',
        `${endpoint.host} allows no more requests for now${wait > 0 ? ` and asks to wait ${minutes} min` : ''}.`,
        hasToken
          ? 'Pull again later; what has arrived is kept.'
          : 'Pull again later, or with an access token, which is allowed more; what has arrived is kept.',
      ),
      wait,
    );
  }
  if (status >= 500 || status === 408) {
    return new TransientFailure(
      new LatroError(
        'hub-unavailable',
        `${endpoint.host} is out of order (status ${status}).`,
        'Pull again later; what has arrived is kept.',
      ),
      requestedWait(headers, request.now),
    );
  }
  if (!request.fromHub) {
    // Addresses of a storage server are valid for a while only; the next attempt asks the hub for a fresh one.
    return new TransientFailure(
      new LatroError(
        'download-failed',
        `The storage server of ${endpoint.host} refused a file of ${subject} (status ${status}).`,
        'Pull again; what has arrived is kept.',
      ),
    );
  }
  const code = headers.get('x-error-code');
  if (code === 'GatedRepo') return gated(request);
  if (code === 'RevisionNotFound') {
    return notFound(
      source,
      `${source.name} on ${endpoint.host} has no revision ${source.revision}, or no longer the commit that it named.`,
      `Choose one that is listed at ${endpoint.pageUrl(source)}; to begin an interrupted pull anew, delete its folder.`,
    );
  }
  if ((status === 404 && code !== 'EntryNotFound') || code === 'RepoNotFound') {
    const missing = `${endpoint.host} has no ${source.kind} ${source.name}`;
    return hasToken
      ? notFound(
          source,
          `${missing} that this access token may see.`,
          'Check the spelling and the rights of the token.',
        )
      : notFound(
          source,
          `${missing}, or it is private.`,
          'Check the spelling; for a private one give an access token.',
        );
  }
  if (status === 401 || status === 403) {
    return new LatroError(
      'hub-access',
      hasToken
        ? `${endpoint.host} does not accept the access token for ${subject} (status ${status}).`
        : `${endpoint.host} wants an access token for ${subject} (status ${status}).`,
      hasToken
        ? 'Replace the token with one that is valid and may read it.'
        : `To read it, ${howToGiveAToken(endpoint)}`,
    );
  }
  return new LatroError(
    'download-failed',
    `${endpoint.host} refused a request for ${subject} (status ${status}).`,
    'Check the name, and HF_ENDPOINT if it is set.',
  );
}

function gated({ endpoint, source, hasToken }: RefusedRequest): LatroError {
  const page = endpoint.pageUrl(source);
  return new LatroError(
    'hub-gated',
    `${source.name} is gated: its owner gives it only to readers who accept the conditions.`,
    hasToken
      ? `Accept them at ${page} with the account of this access token, then pull again.`
      : `Accept them at ${page}, then ${howToGiveAToken(endpoint)}`,
  );
}

function howToGiveAToken(endpoint: HubEndpoint): string {
  return `make an access token at ${endpoint.base}/settings/tokens and set HF_TOKEN, or store it in the editor.`;
}

function notFound(source: HubSource, reason: string, nextStep: string): LatroError {
  return new LatroError(source.kind === 'dataset' ? 'dataset-not-found' : 'model-not-found', reason, nextStep);
}

/** Milliseconds from Retry-After (seconds or a date) or the hub's `RateLimit: "api";r=0;t=55` (seconds); 0 when neither says. */
function requestedWait(headers: Headers, now: number): number {
  const retryAfter = headers.get('retry-after')?.trim();
  if (retryAfter !== undefined && /^\d+$/.test(retryAfter)) return Number(retryAfter) * 1000;
  const date = Date.parse(retryAfter ?? '');
  if (!Number.isNaN(date)) return Math.max(0, date - now);
  const seconds = /(?:^|;)\s*t=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1];
  return seconds === undefined ? 0 : Number(seconds) * 1000;
}
