/**
 * Samples rationales in batches: each prompt is prefilled once and shared by its samples, finished rows leave the batch, and the
 * known answer is scored on the cache that sampling left. The random numbers of a sample depend on its own key and token
 * position alone, so the batch around it changes nothing.
 */
import { throwIfCancelled } from '../common/errors.ts';
import { RandomStream } from '../common/random.ts';
import { AnswerQueue, type WaitingAnswer } from './answer_queue.ts';
import { Decoder, type RowsCache } from './decoder.ts';
import type { Cache } from './extend_inputs.ts';
import type { LanguageModel } from './language_model.ts';
import type { DrawnToken, SamplingSettings } from './token_sampler.ts';

/** Rows that runs, evaluations and commands decode together, and that memory is counted for (docs/bench/NOTES.md, "Evaluations"). */
export const DECODE_ROWS = 64;

export interface GenerateSettings extends SamplingSettings {
  /** L: longest rationale. */
  readonly maxTokens: number;
  /** Tokens sampled past a stop phrase, to see which answer the model gives itself. */
  readonly maxAnswerTokens: number;
  readonly stopTokenIds: ReadonlySet<number>;
  /** Rows decoded together. */
  readonly maxRows: number;
  /** How many of a sample's tokens the answer is scored after. Default: all of them. */
  readonly rationaleLength?: (ids: readonly number[]) => number;
  /** Whether answers are scored right after their prompts, too. Default: true. */
  readonly bareAnswers?: boolean;
}

/** Watches one rationale for a stop phrase in its decoded text, token by token. */
export interface StopDetector {
  /** @returns how many of the tokens so far come before the phrase that has just been completed, or null */
  push(id: number): number | null;
}

/** Of a sample's random numbers; a greedy one has none, and takes the most likely token whatever the temperature. */
export type SampleKey = number | 'greedy';

export interface GenerateRequest {
  readonly prompt: readonly number[];
  /** One sample per key. */
  readonly keys: readonly SampleKey[];
  /** y: scored after the rationale of each sample, and once with no rationale at all. */
  readonly answer?: readonly number[];
}

export interface GeneratedRequest {
  readonly samples: readonly Sample[];
  /** log π(y_t | x, y_<t): the answer right after the prompt; empty without an answer, and where it was not wanted. */
  readonly answerLogProbsWithoutRationale: readonly number[];
}

export interface Sample {
  /** The rationale's tokens z, without what stopped it. */
  readonly ids: readonly number[];
  /** log π(z_t | x, z_<t). */
  readonly logProbs: readonly number[];
  /** The end token, or the tokens in which the stop phrase stands; empty when the length ran out. */
  readonly stopIds: readonly number[];
  readonly stopLogProbs: readonly number[];
  /** What the model went on to say after a stop phrase, up to its end token: its own answer. */
  readonly tailIds: readonly number[];
  readonly stopReason: 'end-token' | 'stop-phrase' | 'length';
  /** log π(y_t | x, z, y_<t); empty without an answer. */
  readonly answerLogProbs: readonly number[];
}

interface Row {
  readonly request: number;
  readonly sample: number;
  /** null: greedy. */
  readonly stream: RandomStream | null;
  readonly detector: StopDetector;
  readonly ids: number[];
  readonly logProbs: number[];
  /** Set at the stop phrase while the model's own answer is still being sampled. */
  stop: Stop | null;
}

/** Where a rationale ended: z is ids[0 … length−1], what stopped it is ids[length … stopEnd−1]. */
interface Stop {
  readonly reason: Sample['stopReason'];
  readonly length: number;
  readonly stopEnd: number;
}

export interface GenerateOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with the number of finished samples whenever it grows. */
  readonly onFinished?: (finished: number) => void;
}

/** @returns per request, one sample per key, in the order given */
export async function generate(
  model: LanguageModel,
  requests: readonly GenerateRequest[],
  settings: GenerateSettings,
  newStopDetector: () => StopDetector,
  options: GenerateOptions = {},
): Promise<GeneratedRequest[]> {
  const samples: Sample[][] = requests.map(() => []);
  const bare = new Map<number, readonly number[]>();
  const inContext = { ...settings, contextLength: longestSequence(requests, settings) };
  let finished = 0;
  for (const wave of planWaves(requests, settings.maxRows, newStopDetector)) {
    await generateWave(model, requests, wave, inContext, bare, options, (row, sample) => {
      samples[row.request]![row.sample] = sample;
      options.onFinished?.(++finished);
    });
  }
  return requests.map((_, i) => ({ samples: samples[i]!, answerLogProbsWithoutRationale: bare.get(i) ?? [] }));
}

/** Of all waves, so that a sample does not depend on the one it falls into. */
function longestSequence(
  requests: readonly GenerateRequest[],
  { maxTokens, maxAnswerTokens }: GenerateSettings,
): number {
  const longestPrompt = Math.max(...requests.map(({ prompt }) => prompt.length));
  const longestAnswer = Math.max(...requests.map(({ answer = [] }) => answer.length));
  // The model's own answer and the known one follow a rationale.
  return longestPrompt + maxTokens + Math.max(maxAnswerTokens, longestAnswer);
}

/** Cuts all samples into waves of at most `maxRows` rows; prompts of like length go together. */
function planWaves(
  requests: readonly GenerateRequest[],
  maxRows: number,
  newStopDetector: () => StopDetector,
): Row[][] {
  const order = [...requests.keys()].sort((a, b) => requests[a]!.prompt.length - requests[b]!.prompt.length || a - b);
  const rows = order.flatMap((request) =>
    requests[request]!.keys.map(
      (key, sample): Row => ({
        request,
        sample,
        stream: key === 'greedy' ? null : new RandomStream(key),
        detector: newStopDetector(),
        ids: [],
        logProbs: [],
        stop: null,
      }),
    ),
  );
  const waves: Row[][] = [];
  for (let start = 0; start < rows.length; start += maxRows) waves.push(rows.slice(start, start + maxRows));
  return waves;
}

async function generateWave(
  model: LanguageModel,
  requests: readonly GenerateRequest[],
  rows: readonly Row[],
  settings: GenerateSettings & { readonly contextLength: number },
  bare: Map<number, readonly number[]>,
  options: GenerateOptions,
  finish: (row: Row, sample: Sample) => void,
): Promise<void> {
  const decoder = new Decoder(model, settings.contextLength);
  const prompts = [...new Set(rows.map((row) => row.request))];
  const promptCache = model.newCache(prompts.length);
  // Takes the prompts over once they are branched.
  let cache: RowsCache = promptCache;
  const queue = new AnswerQueue(model, settings.contextLength);
  try {
    const afterPrompts = await decoder.prefill(
      promptCache,
      prompts.map((request) => requests[request]!.prompt),
      options.signal,
    );

    if (settings.bareAnswers ?? true) await scoreBareAnswers(requests, prompts, promptCache, queue, bare);

    let active = [...rows];
    const promptOf = rows.map((row) => prompts.indexOf(row.request));
    let hidden = repeatRows(afterPrompts, model.config.hiddenSize, promptOf);
    cache = await decoder.branch(promptCache, promptOf);

    while (active.length > 0) {
      throwIfCancelled(options.signal);
      const done: { row: Row; position: number; stop: Stop }[] = [];
      const tokens = await draw(decoder, hidden, active, settings);
      active.forEach((row, position) => {
        const drawn = tokens[position]!;
        row.ids.push(drawn.id);
        row.logProbs.push(drawn.logProb);
        const stop = row.stop ?? findStop(row, settings);
        if (stop === null) return;
        row.stop = stop;
        if (isComplete(row.ids, stop, settings)) done.push({ row, position, stop });
      });
      if (done.length > 0) {
        await finishRows(requests, cache, done, settings, queue, finish);
        const kept = await cache.drop(done.map(({ position }) => position));
        active = kept.map((position) => active[position]!);
      }
      if (active.length === 0) break;
      hidden = await decoder.next(
        cache,
        active.map((row) => row.ids.at(-1)!),
      );
    }
    await queue.flush();
  } finally {
    queue.dispose();
    cache.dispose();
  }
}

/** A token for each row; those of greedy rows are drawn apart. */
async function draw(
  decoder: Decoder,
  hidden: Float32Array,
  rows: readonly Row[],
  settings: GenerateSettings,
): Promise<DrawnToken[]> {
  const width = hidden.length / rows.length;
  const drawn: DrawnToken[] = [];
  for (const isGreedy of [true, false]) {
    const some = [...rows.keys()].filter((i) => (rows[i]!.stream === null) === isGreedy);
    if (some.length === 0) continue;
    const tokens = await decoder.draw(
      repeatRows(hidden, width, some),
      isGreedy ? { ...settings, temperature: 0 } : settings,
      some.map((i) => rows[i]!.stream?.uniform(rows[i]!.ids.length) ?? 0),
    );
    some.forEach((i, j) => {
      drawn[i] = tokens[j]!;
    });
  }
  return drawn;
}

/** Rows of (n, width), as listed. */
function repeatRows(from: Float32Array, width: number, rows: readonly number[]): Float32Array {
  const out = new Float32Array(rows.length * width);
  rows.forEach((row, i) => {
    out.set(from.subarray(row * width, (row + 1) * width), i * width);
  });
  return out;
}

/** The answer right after each prompt of the wave that was not scored in an earlier one. */
async function scoreBareAnswers(
  requests: readonly GenerateRequest[],
  prompts: readonly number[],
  cache: Cache,
  queue: AnswerQueue,
  bare: Map<number, readonly number[]>,
): Promise<void> {
  const wanted = [...prompts.keys()].filter(
    (row) => !bare.has(prompts[row]!) && (requests[prompts[row]!]!.answer ?? []).length > 0,
  );
  if (wanted.length === 0) return;
  const answers = wanted.map((row): WaitingAnswer => {
    const { prompt, answer = [] } = requests[prompts[row]!]!;
    return { sequence: prompt, answer, scored: (logProbs) => bare.set(prompts[row]!, logProbs) };
  });
  await queue.add(await cache.extract(wanted), answers);
  await queue.flush();
}

function findStop({ ids, detector }: Row, settings: GenerateSettings): Stop | null {
  const stopEnd = ids.length;
  if (settings.stopTokenIds.has(ids.at(-1)!)) return { reason: 'end-token', length: stopEnd - 1, stopEnd };
  const phraseAt = detector.push(ids.at(-1)!);
  if (phraseAt !== null) return { reason: 'stop-phrase', length: phraseAt, stopEnd };
  return stopEnd >= settings.maxTokens ? { reason: 'length', length: stopEnd, stopEnd } : null;
}

function isComplete(ids: readonly number[], stop: Stop, settings: GenerateSettings): boolean {
  if (stop.reason !== 'stop-phrase') return true;
  return settings.stopTokenIds.has(ids.at(-1)!) || ids.length - stop.stopEnd >= settings.maxAnswerTokens;
}

/** Cuts finished rows at their stop; their answers are scored on the cache after their rationales. */
async function finishRows(
  requests: readonly GenerateRequest[],
  cache: RowsCache,
  done: readonly { readonly row: Row; readonly position: number; readonly stop: Stop }[],
  { stopTokenIds, rationaleLength }: GenerateSettings,
  queue: AnswerQueue,
  finish: (row: Row, sample: Sample) => void,
): Promise<void> {
  const answers = done.map(({ row, stop }): WaitingAnswer => {
    const { prompt, answer = [] } = requests[row.request]!;
    const ids = row.ids.slice(0, stop.length);
    return {
      sequence: [...prompt, ...ids.slice(0, rationaleLength?.(ids))],
      answer,
      scored: (answerLogProbs) =>
        finish(row, {
          ids,
          logProbs: row.logProbs.slice(0, stop.length),
          stopIds: row.ids.slice(stop.length, stop.stopEnd),
          stopLogProbs: row.logProbs.slice(stop.length, stop.stopEnd),
          tailIds: row.ids.slice(stop.stopEnd).filter((id) => !stopTokenIds.has(id)),
          stopReason: stop.reason,
          answerLogProbs,
        }),
    };
  });
  if (answers.some(({ answer }) => answer.length > 0))
    await queue.add(await cache.extract(done.map(({ position }) => position)), answers);
  else for (const { scored } of answers) scored([]);
}
