/**
 * Lays groups of sequences that share a prompt out as the inputs of a packed program, and plans micro-batches by token budget.
 * How sequences are split over micro-batches changes no result: the objective is a sum over predictions.
 */
import type { HostTensor } from '../runtime/session.ts';
import type { ModelConfig } from './config.ts';

/** One wanted log π(target | prompt, ids[0 … at−1]); at = ids.length predicts the token after the last one. */
export interface Prediction {
  readonly at: number;
  readonly target: number;
  /** w in L = −Σ w · log π; ignored when only scoring. */
  readonly weight: number;
  /** Logits are multiplied by this before the softmax: 1 / temperature. Default 1. */
  readonly scale?: number;
}

export interface Continuation {
  readonly ids: readonly number[];
  readonly predictions: readonly Prediction[];
}

/** A prompt (at least one token) and its continuations. */
export interface PromptGroup {
  readonly prompt: readonly number[];
  readonly continuations: readonly Continuation[];
}

export interface PackedBatch {
  readonly inputs: Readonly<Record<string, HostTensor>>;
  /** Σ of padded tokens: what the program computes. */
  readonly tokens: number;
  readonly predictions: number;
  /** Position of each flat token within its own sequence, (N). */
  readonly positions: Int32Array;
}

/** A group of a micro-batch and where its continuations came from. */
export interface PlannedGroup {
  readonly group: PromptGroup;
  /** Index into the caller's groups. */
  readonly source: number;
  /** Index of its first continuation in that group. */
  readonly offset: number;
}

// Finite, so that a row without any visible position gives a uniform softmax instead of NaN.
const MASKED = -1e9;

/** Every token of `ids` from `start` on is predicted with one weight. */
export function predictTokens(ids: readonly number[], weight = 1, start = 0): Prediction[] {
  return ids.slice(start).map((target, i) => ({ at: start + i, target, weight }));
}

const longest = (group: PromptGroup): number =>
  Math.max(...group.continuations.map((continuation) => continuation.ids.length));

/**
 * Splits groups into micro-batches of equal K whose padded size B·(P + K·T) stays within `tokenBudget`; a group too big on its
 * own is split between its continuations. Groups of like length share a batch, so little is spent on padding.
 */
export function planMicroBatches(groups: readonly PromptGroup[], tokenBudget: number): PlannedGroup[][] {
  const pieces: PlannedGroup[] = [];
  groups.forEach((group, source) => {
    if (group.continuations.length === 0) return;
    const room = Math.max(1, Math.floor((tokenBudget - group.prompt.length) / Math.max(1, longest(group))));
    const parts = Math.ceil(group.continuations.length / room);
    const size = Math.ceil(group.continuations.length / parts);
    for (let offset = 0; offset < group.continuations.length; offset += size) {
      pieces.push({
        group: { prompt: group.prompt, continuations: group.continuations.slice(offset, offset + size) },
        source,
        offset,
      });
    }
  });
  pieces.sort(
    (a, b) =>
      a.group.continuations.length - b.group.continuations.length ||
      longest(a.group) - longest(b.group) ||
      a.group.prompt.length - b.group.prompt.length ||
      a.source - b.source,
  );
  const batches: PlannedGroup[][] = [];
  let current: PlannedGroup[] = [];
  const cost = (batch: readonly PlannedGroup[]): number => {
    const prompt = Math.max(...batch.map((piece) => piece.group.prompt.length));
    const suffix = Math.max(...batch.map((piece) => longest(piece.group)));
    return batch.length * (prompt + batch[0]!.group.continuations.length * suffix);
  };
  for (const piece of pieces) {
    const fits =
      current.length === 0 ||
      (current[0]!.group.continuations.length === piece.group.continuations.length &&
        cost([...current, piece]) <= tokenBudget);
    if (!fits) {
      batches.push(current);
      current = [];
    }
    current.push(piece);
  }
  if (current.length > 0) batches.push(current);
  return batches;
}

/** Inputs of `buildPackedProgram` but for weights, adapters and rotary tables. All groups have the same number of continuations. */
export function packGroups(groups: readonly PromptGroup[], config: ModelConfig): PackedBatch {
  const batch = groups.length;
  const perGroup = groups[0]!.continuations.length;
  const promptLength = Math.max(...groups.map((group) => group.prompt.length));
  const suffixLength = Math.max(1, ...groups.map(longest));
  const rowsTotal = batch * perGroup;
  const promptTokens = batch * promptLength;
  const total = promptTokens + rowsTotal * suffixLength;

  const promptIds = new BigInt64Array(promptTokens);
  const suffixIds = new BigInt64Array(rowsTotal * suffixLength);
  const positions = new Int32Array(total);
  const rows: bigint[] = [];
  const targets: bigint[] = [];
  const weights: number[] = [];
  const scales: number[] = [];

  groups.forEach((group, b) => {
    const { prompt } = group;
    if (prompt.length === 0) throw new Error('a packed prompt needs at least one token');
    if (group.continuations.length !== perGroup)
      throw new Error('groups of one batch need the same number of continuations');
    for (let j = 0; j < promptLength; j++) {
      promptIds[b * promptLength + j] = BigInt(prompt[j] ?? 0);
      positions[b * promptLength + j] = j;
    }
    group.continuations.forEach((continuation, k) => {
      const row = b * perGroup + k;
      for (let t = 0; t < suffixLength; t++) {
        suffixIds[row * suffixLength + t] = BigInt(continuation.ids[t] ?? 0);
        positions[promptTokens + row * suffixLength + t] = prompt.length + t;
      }
      for (const prediction of continuation.predictions) {
        const before = prediction.at - 1;
        rows.push(
          BigInt(before < 0 ? b * promptLength + prompt.length - 1 : promptTokens + row * suffixLength + before),
        );
        targets.push(BigInt(prediction.target));
        weights.push(prediction.weight);
        scales.push(prediction.scale ?? 1);
      }
    });
  });

  const count = rows.length;
  return {
    inputs: {
      prompt_ids: { shape: [batch, promptLength], data: promptIds },
      suffix_ids: { shape: [rowsTotal, suffixLength], data: suffixIds },
      prompt_bias: { shape: [promptLength, promptLength], data: causalBias(promptLength, config.slidingWindow) },
      suffix_bias: {
        shape: [batch, 1, 1, 1, suffixLength, promptLength + suffixLength],
        data: suffixBias(groups, promptLength, suffixLength, config.slidingWindow),
      },
      rows: { shape: [count], data: BigInt64Array.from(rows) },
      targets: { shape: [count], data: BigInt64Array.from(targets) },
      row_scale: { shape: [count, 1], data: Float32Array.from(scales) },
      weights: { shape: [count], data: Float32Array.from(weights) },
    },
    tokens: total,
    predictions: count,
    positions,
  };
}

/** (P, P): 0 where column ≤ row and within the window, else masked. Padding on the right needs no mask of its own. */
function causalBias(length: number, window: number | null): Float32Array {
  const bias = new Float32Array(length * length).fill(MASKED);
  for (let row = 0; row < length; row++) {
    bias.fill(0, row * length + Math.max(0, row - (window ?? Number.POSITIVE_INFINITY) + 1), row * length + row + 1);
  }
  return bias;
}

/** (B, 1, 1, 1, T, P+T): a continuation token sees its prompt's real tokens and itself and its predecessors. */
function suffixBias(
  groups: readonly PromptGroup[],
  promptLength: number,
  suffixLength: number,
  window: number | null,
): Float32Array {
  const width = promptLength + suffixLength;
  const reach = window ?? Number.POSITIVE_INFINITY;
  const bias = new Float32Array(groups.length * suffixLength * width).fill(MASKED);
  groups.forEach(({ prompt }, b) => {
    for (let t = 0; t < suffixLength; t++) {
      const start = (b * suffixLength + t) * width;
      const first = Math.max(0, prompt.length + t - reach + 1);
      if (first < prompt.length) bias.fill(0, start + first, start + prompt.length);
      bias.fill(0, start + promptLength + Math.max(0, t - reach + 1), start + promptLength + t + 1);
    }
  });
  return bias;
}
