/**
 * The compiled programs of one model on one device. Weights are bound once to each session; a program is compiled when it is
 * first needed. Adapter tensors and weights are borrowed: updating them in place is what an optimiser step does.
 */
import { LatroError } from '../common/errors.ts';
import { type Device, type HostTensor, Session } from '../runtime/session.ts';
import type { ModelConfig } from './config.ts';
import { ADAPTER_SCALE, type AdapterShape, type Trainable } from './decoder_graph.ts';
import { buildExtendProgram } from './extend_program.ts';
import { buildPackedProgram, gradientName } from './packed_program.ts';
import { type RotaryTable, rotaryTable } from './rope.ts';

export interface ProgramOptions {
  readonly device: Device;
  readonly threads: number;
}

/** Named float32 tensors, in place of which the optimiser writes. */
export type TensorMap = ReadonlyMap<string, HostTensor<Float32Array>>;

export interface BoundAdapter {
  readonly shape: AdapterShape;
  readonly tensors: TensorMap;
  /** alpha / r (or alpha / √r). */
  readonly scale: number;
}

type ProgramName = 'extend' | 'extend-score' | 'score' | 'step';

export class Programs {
  readonly config: ModelConfig;
  readonly #weights: TensorMap;
  readonly #adapter: BoundAdapter | null;
  readonly #trainable: Trainable;
  readonly #options: ProgramOptions;
  readonly #sessions = new Map<ProgramName, Promise<Session>>();
  readonly #tables = new Map<boolean, RotaryTable>();
  #trainables: readonly string[] = [];
  #disposed = false;

  constructor(
    config: ModelConfig,
    weights: TensorMap,
    adapter: BoundAdapter | null,
    trainable: Trainable,
    options: ProgramOptions,
  ) {
    this.config = config;
    this.#weights = weights;
    this.#adapter = adapter;
    this.#trainable = trainable;
    this.#options = options;
  }

  /** Tokens pushed through each program since the start, padding included: what "spend no token twice" is measured by. */
  readonly tokensRun: Record<ProgramName, number> = { extend: 0, 'extend-score': 0, score: 0, step: 0 };
  /** Seconds that each program spent inside onnxruntime since the start. */
  readonly secondsInside: Record<ProgramName, number> = { extend: 0, 'extend-score': 0, score: 0, step: 0 };

  /**
   * @param positions of each flat token of this run, (N)
   * @param contextLength longest sequence this run belongs to: LongRoPE chooses its factors by it; 0: as long as the positions say
   * @param adapterOff true for the reference policy π_0
   */
  async run(
    name: ProgramName,
    inputs: Readonly<Record<string, HostTensor>>,
    outputs: readonly string[],
    options: { readonly positions: Int32Array; readonly contextLength: number; readonly adapterOff: boolean },
  ): Promise<Record<string, Float32Array>> {
    const session = await this.#session(name);
    const rotary = this.#rotary(options.positions, options.contextLength);
    const feeds: Record<string, HostTensor> = {
      ...inputs,
      ...rotary,
    };
    if (this.#adapter !== null) {
      feeds[ADAPTER_SCALE] = { shape: [1], data: Float32Array.of(options.adapterOff ? 0 : this.#adapter.scale) };
    }
    this.tokensRun[name] += options.positions.length;
    const start = performance.now();
    const results = await session.run(feeds, outputs);
    this.secondsInside[name] += (performance.now() - start) / 1000;
    return results;
  }

  /** Names of the parameters that `step` returns gradients for. */
  async trainables(): Promise<readonly string[]> {
    await this.#session('step');
    return this.#trainables;
  }

  get gradientOutputs(): readonly string[] {
    return this.#trainables.map(gradientName);
  }

  /** One row of cos and sin per token: (N, rotaryDim / 2). */
  #rotary(positions: Int32Array, contextLength: number): { cos: HostTensor; sin: HostTensor } {
    const length = positions.reduce((most, position) => Math.max(most, position + 1), 1);
    const table = this.#table(length, Math.max(length, contextLength));
    const shape = [positions.length, table.halfDim];
    const cos = new Float32Array(positions.length * table.halfDim);
    const sin = new Float32Array(positions.length * table.halfDim);
    positions.forEach((position, token) => {
      const start = position * table.halfDim;
      cos.set(table.cos.subarray(start, start + table.halfDim), token * table.halfDim);
      sin.set(table.sin.subarray(start, start + table.halfDim), token * table.halfDim);
    });
    return { cos: { shape, data: cos }, sin: { shape, data: sin } };
  }

  #table(positions: number, contextLength: number): RotaryTable {
    const { rope } = this.config;
    const long = rope.kind === 'longrope' && contextLength > rope.originalMaxPositions;
    let table = this.#tables.get(long);
    if (table === undefined || table.positions < positions) {
      table = rotaryTable(this.config, Math.max(64, 2 ** Math.ceil(Math.log2(positions))), contextLength);
      this.#tables.set(long, table);
    }
    return table;
  }

  #session(name: ProgramName): Promise<Session> {
    if (this.#disposed) throw new LatroError('use-after-dispose', 'A model was used after it was disposed.');
    let session = this.#sessions.get(name);
    if (session === undefined) {
      session = this.#compile(name);
      this.#sessions.set(name, session);
    }
    return session;
  }

  async #compile(name: ProgramName): Promise<Session> {
    const session = await Session.create(name, this.#build(name), this.#options);
    for (const input of session.inputNames) {
      const tensor = this.#weights.get(input) ?? this.#adapter?.tensors.get(input);
      if (tensor !== undefined) session.bind(input, tensor);
    }
    return session;
  }

  #build(name: ProgramName): Uint8Array {
    const adapter = this.#adapter?.shape ?? null;
    if (name === 'extend') return buildExtendProgram(this.config, adapter, 'logits');
    if (name === 'extend-score') return buildExtendProgram(this.config, adapter, 'log-probs');
    if (name === 'score') return buildPackedProgram(this.config, adapter, 'nothing').model;
    const step = buildPackedProgram(this.config, adapter, this.#trainable);
    this.#trainables = step.trainables;
    return step.model;
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    await Promise.all(sessions.map(async (session) => (await session).dispose()));
  }
}
