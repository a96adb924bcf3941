/**
 * Errors by kind, not by text. A `LatroError` is something the user can mend: it has a stable code, a reason (what is wrong and
 * where) and a next step (what to do). Everything else that is thrown is a bug. Cancelling is neither: it is a `Cancelled`.
 */

export type ErrorCode =
  | 'model-not-found'
  | 'model-damaged'
  | 'model-unsupported'
  | 'model-mismatch'
  | 'model-too-large'
  | 'pickle-refused'
  | 'tokenizer-mismatch'
  | 'chat-template'
  | 'adapter-mismatch'
  | 'adapter-damaged'
  | 'dataset-not-found'
  | 'dataset-row'
  | 'dataset-format'
  | 'config-invalid'
  | 'prompt-too-long'
  | 'run-not-found'
  | 'run-locked'
  | 'run-identity'
  | 'run-damaged'
  | 'non-finite'
  | 'disk-full'
  | 'not-writable'
  | 'device-unavailable'
  | 'device-failed'
  | 'out-of-memory'
  | 'download-failed'
  | 'download-damaged'
  | 'hub-access'
  | 'hub-gated'
  | 'hub-rate-limited'
  | 'hub-unavailable'
  | 'use-after-dispose'
  | 'engine-stopped'
  | 'engine-version'
  | 'bad-request';

export class LatroError extends Error {
  readonly code: ErrorCode;
  /** What is wrong and where, one sentence. */
  readonly reason: string;
  /** What to do about it, one sentence; may be empty when the reason says it all. */
  readonly nextStep: string;

  constructor(code: ErrorCode, reason: string, nextStep = '', options?: { cause?: unknown }) {
    super(nextStep === '' ? reason : `${reason} ${nextStep}`, options);
    this.name = 'LatroError';
    this.code = code;
    this.reason = reason;
    this.nextStep = nextStep;
  }
}

/** Thrown by `throwIfCancelled`; callers end quietly and keep what is already on disk. */
export class Cancelled extends Error {
  constructor() {
    super('Cancelled');
    this.name = 'Cancelled';
  }
}

export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new Cancelled();
}

/** Ends an exhaustive switch: a new variant without a case is a compile error. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
