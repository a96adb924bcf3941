/** Sampling's side of a model: prompts in, one more token for each row, and the draw that chooses it. */
import type { HostTensor } from '../runtime/session.ts';
import { BranchedCache } from './branched_cache.ts';
import { DeviceKeyValueCache } from './device_cache.ts';
import type { Cache } from './extend_inputs.ts';
import { freshOutputs } from './kv_cache.ts';
import type { LanguageModel } from './language_model.ts';
import { prefill } from './prefill.ts';
import { type DrawnToken, drawToken, type SamplingSettings } from './token_sampler.ts';

/** What rows are decoded on. */
export type RowsCache = Cache | BranchedCache;

/** Made anew after every change of the weights or the adapter: it decodes with the numbers it was made with. */
export class Decoder {
  readonly #model: LanguageModel;
  readonly #contextLength: number;

  /** @param contextLength longest sequence these tokens may become; LongRoPE chooses its factors by it */
  constructor(model: LanguageModel, contextLength: number) {
    this.#model = model;
    this.#contextLength = contextLength;
    model.programs.refreshDecoding();
  }

  /** Computes whole prompts into an empty cache. @returns final hidden states (rows, D) after each prompt's last token */
  prefill(cache: Cache, prompts: readonly (readonly number[])[], signal?: AbortSignal): Promise<Float32Array> {
    return prefill(this.#model, cache, prompts, this.#contextLength, { signal });
  }

  /**
   * The rows that go on from computed prompts, each following prompt `promptOf[row]`.
   * @param prompts taken over: disposed of with what is returned
   */
  async branch(prompts: Cache, promptOf: readonly number[]): Promise<RowsCache> {
    const { programs, config } = this.#model;
    if (programs.canDecode && !(prompts instanceof DeviceKeyValueCache))
      return new BranchedCache(config, prompts, promptOf);
    await prompts.select(promptOf);
    return prompts;
  }

  /** One more token for each row. @returns final hidden states (rows, D) after it */
  async next(cache: RowsCache, ids: readonly number[]): Promise<Float32Array> {
    const { programs, config } = this.#model;
    if (!(cache instanceof BranchedCache)) {
      const fresh = ids.map((id) => [id]);
      return this.#model.extendHidden(cache, fresh, this.#contextLength);
    }
    const rows = ids.length;
    const { prompt, own } = cache.capacity;
    const inputs: Record<string, HostTensor> = {
      ...cache.inputs,
      ids: { shape: [rows], data: BigInt64Array.from(ids, BigInt) },
      bias: { shape: [rows, 1, 1, prompt + own + 1], data: visibility(cache, config.slidingWindow) },
    };
    const outputs = await programs.run('decode', inputs, ['hidden', ...freshOutputs(config)], {
      positions: Int32Array.from(cache.lengths),
      contextLength: this.#contextLength,
    });
    cache.append(outputs);
    return outputs.hidden!;
  }

  /** Draws a token for each row. hidden (rows, D); uniforms (rows), each in [0, 1), unused at temperature 0. */
  async draw(hidden: Float32Array, settings: SamplingSettings, uniforms: readonly number[]): Promise<DrawnToken[]> {
    const { programs, config, vocabularySize } = this.#model;
    const rows = uniforms.length;
    const inputs = { hidden: { shape: [rows, config.hiddenSize], data: hidden } };
    const isGreedy = settings.temperature === 0;
    const isWhole = isGreedy || (settings.topP >= 1 && (settings.topK === 0 || settings.topK >= vocabularySize));
    const drawsAll = (settings.drawnBelow ?? config.vocabSize) >= vocabularySize;
    // A truncated distribution needs the tokens in order, added tokens are a piece apart: both are drawn here.
    if (!programs.drawsInside || !isWhole || !drawsAll) {
      const { logits } = await programs.runHead('logits', inputs, ['logits']);
      return uniforms.map((uniform, row) => drawToken(logits!, row, vocabularySize, settings, uniform));
    }
    const random: Record<string, HostTensor> = isGreedy
      ? {}
      : {
          uniform: { shape: [rows, 1], data: Float32Array.from(uniforms) },
          inverse_temperature: { shape: [1], data: Float32Array.of(1 / settings.temperature) },
        };
    const outputs = await programs.runHead(isGreedy ? 'draw-greedy' : 'draw', { ...inputs, ...random }, [
      'token',
      'log_prob',
    ]);
    return uniforms.map((_, row) => ({ id: outputs.token![row]!, logProb: outputs.log_prob![row]! }));
  }
}

// Finite, so that a masked score cannot become NaN.
const MASKED = -1e9;

/** (rows, 1, 1, P + C + 1): 0 where the new token may look: its prompt, what followed it, itself. */
function visibility(cache: BranchedCache, slidingWindow: number | null): Float32Array {
  const { prompt, own } = cache.capacity;
  const columns = prompt + own + 1;
  const bias = new Float32Array(cache.rows * columns).fill(MASKED);
  cache.lengths.forEach((length, row) => {
    const start = row * columns;
    const promptLength = cache.promptLength(row);
    const first = Math.max(0, length + 1 - (slidingWindow ?? Number.POSITIVE_INFINITY));
    bias.fill(0, start + Math.min(first, promptLength), start + promptLength);
    bias.fill(0, start + prompt + Math.max(0, first - promptLength), start + prompt + length - promptLength);
    bias[start + columns - 1] = 0;
  });
  return bias;
}
