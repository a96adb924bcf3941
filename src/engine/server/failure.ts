/** Errors as they leave the process: something to mend, a cancellation, or a bug whose stack stays in the log. */
import type { EngineFailure, JobOutcome } from '../../protocol/engine_rpc.ts';
import { Cancelled, LatroError } from '../common/errors.ts';

export function toFailure(error: unknown): EngineFailure {
  if (error instanceof LatroError) return { code: error.code, reason: error.reason, nextStep: error.nextStep };
  const reason = error instanceof Error ? error.message : String(error);
  return { code: 'internal', reason: `The engine failed (${reason}).`, nextStep: 'Open the log for details.' };
}

export function toOutcome(error: unknown): JobOutcome {
  return error instanceof Cancelled ? { type: 'cancelled' } : { type: 'error', ...toFailure(error) };
}

/** True for an error whose stack somebody has to read. */
export function isBug(error: unknown): boolean {
  return !(error instanceof LatroError || error instanceof Cancelled);
}
