/** The numbers that dropout masks follow from (graph/operators `dropout`): keyed by question, continuation and position, not by batch. */
import { foldKey, RandomStream } from '../common/random.ts';
import type { HostTensor } from '../runtime/session.ts';
import { DROPOUT_COLUMNS, DROPOUT_ROWS } from './decoder_graph.ts';
import type { PlannedGroup } from './packing.ts';

const RANGE = 512;

/**
 * Inputs of a packed `step` with dropout: one number in [0, 512) per flat token, one in [0, 1) per column.
 * @param key of this update; promptLength, suffixLength: padded sizes of the batch
 */
export function dropoutInputs(
  pieces: readonly PlannedGroup[],
  promptLength: number,
  suffixLength: number,
  widest: number,
  key: number,
): Record<string, HostTensor> {
  const perGroup = pieces[0]!.group.continuations.length;
  const promptTokens = pieces.length * promptLength;
  const rows = new Float32Array(promptTokens + pieces.length * perGroup * suffixLength);
  pieces.forEach(({ source, offset }, b) => {
    const prompt = new RandomStream(foldKey(key, source, 0));
    for (let j = 0; j < promptLength; j++) rows[b * promptLength + j] = RANGE * prompt.uniform(j);
    for (let k = 0; k < perGroup; k++) {
      const continuation = new RandomStream(foldKey(key, source, 1 + offset + k));
      const start = promptTokens + (b * perGroup + k) * suffixLength;
      for (let t = 0; t < suffixLength; t++) rows[start + t] = RANGE * continuation.uniform(t);
    }
  });
  const column = new RandomStream(foldKey(key, 0x7fffffff));
  const columns = Float32Array.from({ length: widest }, (_, i) => column.uniform(i));
  return {
    [DROPOUT_ROWS]: { shape: [rows.length, 1], data: rows },
    [DROPOUT_COLUMNS]: { shape: [widest], data: columns },
  };
}
