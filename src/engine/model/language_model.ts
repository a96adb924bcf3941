/**
 * A causal language model with the three things every objective here needs (one primitive, many weights):
 * extend a cache, score tokens, and the gradient of L(θ) = −Σ_sequences Σ_t w_t · log π_θ(token_t | tokens_<t).
 */
import type { DeviceTensor } from '../runtime/device_tensor.ts';
import type { HostTensor } from '../runtime/session.ts';
import type { BoundAdapter, FrozenMap, TensorMap } from './bound_tensors.ts';
import { type ModelConfig, parameterShapes } from './config.ts';
import type { Trainable } from './decoder_graph.ts';
import { DeviceKeyValueCache } from './device_cache.ts';
import { dropoutInputs } from './dropout.ts';
import { type Cache, extendInputs } from './extend_inputs.ts';
import { type GradientSink, HostGradients } from './gradient_sink.ts';
import { KeyValueCache } from './kv_cache.ts';
import { gradientName, LOSS_SCALE } from './packed_program.ts';
import { type PackedBatch, type PlannedGroup, type PromptGroup, packGroups, planMicroBatches } from './packing.ts';
import { type ProgramOptions, Programs } from './programs.ts';

/** Which policy scores: the one being trained, or the frozen reference π_0 (the same weights without the adapter). */
export type Policy = 'current' | 'reference';

export interface ScoreOptions {
  readonly policy?: Policy;
  /** Padded tokens per micro-batch. */
  readonly tokenBudget?: number;
  /** Longest sequence these tokens belong to; only LongRoPE asks. Default: the longest one given. */
  readonly contextLength?: number;
}

export interface StepOptions extends ScoreOptions {
  /** Factor, a power of two, on the loss scale of a float16 program: less than 1 where gradients were too large for it. */
  readonly lossScale?: number;
  /** Key of this update's dropout masks; needed when the adapter has dropout. */
  readonly dropoutKey?: number;
}

/** log π per group, continuation and prediction, in the order given. */
export type GroupScores = number[][][];

export interface StepResult {
  /** L(θ). */
  readonly loss: number;
  readonly scores: GroupScores;
  /** Σ over all micro-batches, by parameter name. */
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

const DEFAULT_TOKEN_BUDGET = 1024;

export class LanguageModel {
  readonly config: ModelConfig;
  readonly programs: Programs;
  /** What an optimiser step changes, by parameter name; see `currentParameters`. */
  readonly parameters: TensorMap;
  /** V + N: the ids that logits and targets range over, added tokens included. */
  readonly vocabularySize: number;
  readonly #reference: 'adapter-off' | 'none';
  readonly #dropout: boolean;
  /** Whether the device has changed its copies of the parameters since the host saw them. */
  #isAhead = false;

  constructor(
    config: ModelConfig,
    weights: FrozenMap,
    adapter: BoundAdapter | null,
    trainable: Trainable,
    options: ProgramOptions,
    sharing: LanguageModel | null = null,
  ) {
    this.config = config;
    const addedRows = adapter?.shape.addedRows ?? 0;
    this.vocabularySize = config.vocabSize + addedRows;
    // Added rows have no scale to switch off: what they were at first only a copy knows.
    this.#reference = adapter === null || addedRows > 0 ? 'none' : 'adapter-off';
    this.#dropout = trainable === 'adapter' && (adapter?.shape.dropout ?? 0) > 0;
    this.parameters =
      trainable === 'adapter'
        ? (adapter?.tensors ?? new Map())
        : trainable === 'all-weights'
          ? (weights as TensorMap)
          : new Map();
    this.programs = new Programs(config, weights, adapter, trainable, options, sharing?.programs ?? null);
  }

  /** Whether the same weights also are π_0. */
  get canSwitchAdapterOff(): boolean {
    return this.#reference === 'adapter-off';
  }

  /** log π of every wanted prediction. */
  async score(groups: readonly PromptGroup[], options: ScoreOptions = {}): Promise<GroupScores> {
    const scores = emptyScores(groups);
    const policy = options.policy ?? 'current';
    if (policy === 'reference' && this.#reference === 'none')
      throw new Error('only an adapter without added tokens can be switched off: score the reference model itself');
    for (const batch of planMicroBatches(groups, options.tokenBudget ?? DEFAULT_TOKEN_BUDGET)) {
      const packed = packGroups(
        batch.map((piece) => piece.group),
        this.config,
      );
      if (packed.predictions === 0) continue;
      const { weights: _, ...inputs } = packed.inputs;
      const program = policy === 'reference' ? 'reference' : 'score';
      const outputs = await this.programs.run(program, inputs, ['log_probs'], {
        positions: packed.positions,
        contextLength: options.contextLength ?? 0,
      });
      scatterScores(batch, outputs.log_probs!, scores);
    }
    return scores;
  }

  /** Loss and gradients of L over all groups, accumulated over micro-batches. Nothing is updated. */
  async step(groups: readonly PromptGroup[], options: StepOptions = {}): Promise<StepResult> {
    const gradients = new HostGradients();
    const { loss, scores } = await this.gradient(groups, gradients, options);
    return { loss, scores, gradients: gradients.sums };
  }

  /** The same with gradients that go to `sink`. */
  async gradient(
    groups: readonly PromptGroup[],
    sink: GradientSink,
    options: StepOptions = {},
  ): Promise<Omit<StepResult, 'gradients'>> {
    const scores = emptyScores(groups);
    const trainables = await this.programs.trainables();
    let loss = 0;
    for (const batch of planMicroBatches(groups, options.tokenBudget ?? DEFAULT_TOKEN_BUDGET)) {
      const packed = packGroups(
        batch.map((piece) => piece.group),
        this.config,
      );
      if (packed.predictions === 0) continue;
      const inputs = {
        ...packed.inputs,
        ...this.#dropoutInputs(batch, packed, options.dropoutKey),
        ...(this.programs.precision === 'float16' ? lossScaleInput(packed, options.lossScale ?? 1) : {}),
      };
      const { toHost, into } = await sink.next(trainables);
      const outputs = await this.programs.run('step', inputs, ['log_probs', ...toHost.map(gradientName)], {
        positions: packed.positions,
        contextLength: options.contextLength ?? 0,
        into: Object.fromEntries([...into].map(([name, tensor]) => [gradientName(name), tensor])),
      });
      const logProbs = outputs.log_probs!;
      const weights = packed.inputs.weights!.data as Float32Array;
      for (let i = 0; i < logProbs.length; i++) loss -= weights[i]! * logProbs[i]!;
      scatterScores(batch, logProbs, scores);
      await sink.add(new Map(toHost.map((name) => [name, outputs[gradientName(name)]!])));
    }
    return { loss, scores };
  }

  #dropoutInputs(
    batch: readonly PlannedGroup[],
    packed: PackedBatch,
    key: number | undefined,
  ): Record<string, HostTensor> {
    if (!this.#dropout) return {};
    const [, promptLength] = packed.inputs.prompt_ids!.shape as [number, number];
    const [, suffixLength] = packed.inputs.suffix_ids!.shape as [number, number];
    const widest = Math.max(...[...parameterShapes(this.config).values()].map((shape) => shape[1] ?? 0));
    if (key === undefined) throw new Error('a step with dropout needs the key of its masks');
    return dropoutInputs(batch, promptLength, suffixLength, widest, key);
  }

  /** An empty key/value cache, where this model's programs want it; the caller disposes it. */
  newCache(rows: number): Cache {
    return this.programs.keepsTensors
      ? new DeviceKeyValueCache(this.config, rows, this.programs)
      : new KeyValueCache(this.config, rows);
  }

  /** To be called after `parameters` were changed in place. */
  parametersChanged(): Promise<void> {
    this.#isAhead = false;
    return this.programs.refresh(this.parameters.values());
  }

  /** `parameters` as they are now, also when they were last changed on the device. */
  async currentParameters(): Promise<TensorMap> {
    if (this.#isAhead) {
      const memory = await this.programs.memory();
      for (const [name, tensor] of this.parameters)
        tensor.data.set(await memory.read(await memory.resident(name, tensor)));
      this.#isAhead = false;
    }
    return this.parameters;
  }

  /** The device's copies of `parameters`, to be changed there in place: the host's are then behind until they are asked for. */
  async deviceParameters(): Promise<ReadonlyMap<string, DeviceTensor>> {
    const memory = await this.programs.memory();
    const tensors = new Map<string, DeviceTensor>();
    for (const [name, tensor] of this.parameters) tensors.set(name, await memory.resident(name, tensor));
    this.#isAhead = true;
    return tensors;
  }

  /**
   * Pushes new tokens through the model on top of `cache` and appends their keys and values to it.
   * @param fresh new tokens per cache row, at least one each
   * @returns final hidden states (rows, D) after each row's last new token
   */
  async extendHidden(
    cache: Cache,
    fresh: readonly (readonly number[])[],
    contextLength: number,
  ): Promise<Float32Array> {
    const { inputs, width, positions, outputs: names, into } = await extendInputs(this.config, cache, fresh);
    const rows = BigInt64Array.from(fresh, (ids, row) => BigInt(row * width + ids.length - 1));
    const outputs = await this.programs.run(
      'extend',
      { ...inputs, rows: { shape: [rows.length], data: rows } },
      ['hidden', ...names],
      { positions, contextLength, into },
    );
    cache.append(
      outputs,
      width,
      fresh.map((ids) => ids.length),
    );
    return outputs.hidden!;
  }

  /** As `extendHidden`, but returns logits (rows, V + N). */
  async extend(cache: Cache, fresh: readonly (readonly number[])[], contextLength: number): Promise<Float32Array> {
    const hidden = await this.extendHidden(cache, fresh, contextLength);
    const inputs = { hidden: { shape: [fresh.length, this.config.hiddenSize], data: hidden } };
    return (await this.programs.runHead('logits', inputs, ['logits'])).logits!;
  }

  /**
   * log π of the last `wanted[row]` of each row's fresh tokens, on top of `cache`, which is left as it was. The prediction of a
   * row's first fresh token is out of reach (its predecessor is in the cache), so wanted[row] < fresh[row].length.
   */
  async scoreOnCache(
    cache: Cache,
    fresh: readonly (readonly number[])[],
    wanted: readonly number[],
    contextLength: number,
  ): Promise<number[][]> {
    const { inputs, width, positions, into } = await extendInputs(this.config, cache, fresh);
    const rows: bigint[] = [];
    const targets: bigint[] = [];
    fresh.forEach((ids, row) => {
      for (let t = ids.length - wanted[row]!; t < ids.length; t++) {
        rows.push(BigInt(row * width + t - 1));
        targets.push(BigInt(ids[t]!));
      }
    });
    const outputs = await this.programs.run(
      'extend-score',
      {
        ...inputs,
        rows: { shape: [rows.length], data: BigInt64Array.from(rows) },
        targets: { shape: [rows.length], data: BigInt64Array.from(targets) },
      },
      ['log_probs'],
      { positions, contextLength, into },
    );
    let next = 0;
    return wanted.map((count) => Array.from({ length: count }, () => outputs.log_probs![next++]!));
  }

  async dispose(): Promise<void> {
    await this.programs.dispose();
  }
}

/**
 * The largest weight of a prediction times the loss scale is near 2 to this power. Measured on the reference models: gradients leave
 * float16 from 16 on, and lose digits at −10.
 */
const LOSS_SCALE_EXPONENT = 4;

function lossScaleInput({ inputs }: PackedBatch, factor: number): Record<string, HostTensor> {
  const largest = (inputs.weights!.data as Float32Array).reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
  const exponent = largest > 0 ? LOSS_SCALE_EXPONENT - Math.ceil(Math.log2(largest)) : 0;
  // As many as float32 can take back: a power of two divides exactly.
  const scale = 2 ** Math.max(-100, Math.min(100, exponent)) * factor;
  return { [LOSS_SCALE]: { shape: [1], data: Float32Array.of(scale) } };
}

function emptyScores(groups: readonly PromptGroup[]): GroupScores {
  return groups.map((group) => group.continuations.map(() => []));
}

function scatterScores(batch: readonly PlannedGroup[], logProbs: Float32Array, scores: GroupScores): void {
  let next = 0;
  for (const { group, source, offset } of batch) {
    group.continuations.forEach((continuation, k) => {
      scores[source]![offset + k] = continuation.predictions.map(() => logProbs[next++]!);
    });
  }
}
