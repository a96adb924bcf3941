/**
 * The compiled programs of one model on one device. Weights are bound once to each session; a program is compiled when it is
 * first needed. Adapter tensors and weights are borrowed: updating them in place is what an optimiser step does. A device that can
 * keep tensors has one copy of them, shared by all programs, which `refresh` brings up to date.
 */
import { totalmem } from 'node:os';
import { LatroError, unreachable } from '../common/errors.ts';
import { computedIn, type Precision, type WeightFormat } from '../graph/precision.ts';
import type { DeviceTensor } from '../runtime/device_tensor.ts';
import type { Placement } from '../runtime/placement.ts';
import { type Device, elementType, type HostTensor, keepsTensors, Session } from '../runtime/session.ts';
import { Traffic } from '../runtime/traffic.ts';
import type { BoundAdapter, FrozenMap } from './bound_tensors.ts';
import type { ModelConfig } from './config.ts';
import { buildDecodeProgram } from './decode_program.ts';
import { ADAPTER_SCALE, type Trainable } from './decoder_graph.ts';
import type { CacheDevice } from './device_cache.ts';
import { buildDeviceExtendProgram, buildRearrangeProgram, cacheNames, presentName } from './device_extend_program.ts';
import { DeviceMemory, type Numbers } from './device_memory.ts';
import { buildExtendProgram, pastName } from './extend_program.ts';
import { headViews } from './head_pieces.ts';
import { buildHeadProgram, type HeadProgramName } from './head_programs.ts';
import { buildPackedProgram } from './packed_program.ts';
import { PackedAdapter } from './projection_groups.ts';
import { heldIn, transposed } from './quantise.ts';
import { type RotaryTable, rotaryTable } from './rope.ts';

export interface ProgramOptions {
  readonly device: Device;
  readonly threads: number;
  /** Whether a step keeps only what enters each layer and computes the rest once more in its backward pass. Default: false. */
  readonly recompute?: boolean;
  /** Of frozen matrices and what is computed with them; the weights come in it. int8 is for the CPU. Default: float32. */
  readonly precision?: WeightFormat;
}

/** `reference` is `score` without the adapter. */
type TokenProgramName = 'extend' | 'extend-score' | 'decode' | 'score' | 'reference' | 'step';
export type ProgramName = TokenProgramName | HeadProgramName;

/**
 * Share of this machine's memory that a second copy of frozen matrices may take, laid out for decoding. Total memory decides and not
 * free memory, so that a run continued on the same machine computes the same bits.
 */
const DECODING_COPY_SHARE = 0.15;

/** @param weightBytes of all weights in memory */
export function keepsDecodingCopy(weightBytes: number, device: Device, trainable: Trainable): boolean {
  return device === 'cpu' && trainable !== 'all-weights' && weightBytes <= DECODING_COPY_SHARE * totalmem();
}

const wholeNumbers = (values: readonly number[]): HostTensor => ({
  shape: [values.length],
  data: BigInt64Array.from(values, BigInt),
});

function joined<T extends Float32Array | Int8Array>(parts: readonly T[]): T {
  const size = parts.reduce((sum, { length }) => sum + length, 0);
  const out = (parts[0] instanceof Int8Array ? new Int8Array(size) : new Float32Array(size)) as T;
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

export class Programs implements CacheDevice {
  readonly config: ModelConfig;
  readonly #weights: FrozenMap;
  readonly #adapter: BoundAdapter | null;
  readonly #trainable: Trainable;
  readonly options: ProgramOptions & { readonly traffic: Traffic };
  /** What all sessions of this model, and those that share its memory, have sent and fetched. */
  readonly traffic: Traffic;
  /** What frozen matrices are held in, and what is computed in. */
  readonly #format: WeightFormat;
  readonly precision: Precision;
  /** Whether the programs are those made for the CPU. */
  readonly #isHost: boolean;
  readonly #sharing: Programs | null;
  readonly #sessions = new Map<ProgramName, Promise<Session>>();
  readonly #packedAdapter: PackedAdapter | null;
  readonly #headViews: ReadonlyMap<string, HostTensor<Float32Array>>;
  /** Whether decoding keeps a copy of the matrices in its own programs. */
  readonly #copies: boolean;
  readonly #tables = new Map<boolean, RotaryTable>();
  #trainables: readonly string[] = [];
  #memory: Promise<DeviceMemory> | null = null;
  readonly #opened = new Map<string, Promise<Session>>();
  #rearrange: Promise<Session> | null = null;
  #disposed = false;

  constructor(
    config: ModelConfig,
    weights: FrozenMap,
    adapter: BoundAdapter | null,
    trainable: Trainable,
    options: ProgramOptions,
    sharing: Programs | null = null,
  ) {
    this.#format = options.precision ?? 'float32';
    this.precision = computedIn(this.#format);
    this.#isHost = options.device === 'cpu' && this.precision === 'float32';
    if (this.#format === 'int8' && !this.#isHost) throw new Error('int8 is for the CPU');
    for (const [name, { shape, data }] of weights)
      if (elementType(data) !== heldIn(name, shape, this.#format))
        throw new Error(`${name} is ${elementType(data)} in a model of precision ${this.#format}`);
    this.config = config;
    this.#sharing = sharing;
    this.#weights = weights;
    this.#adapter = adapter;
    this.#trainable = trainable;
    this.traffic = sharing?.traffic ?? new Traffic();
    this.options = { ...options, traffic: this.traffic };
    this.#packedAdapter = adapter === null || !this.#isHost ? null : new PackedAdapter(config, adapter);
    this.#headViews = headViews(config, weights);
    const bytes = [...weights.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
    this.#copies = this.#isHost && keepsDecodingCopy(bytes, options.device, trainable);
  }

  /** Whether the device has the program `decode`; elsewhere `extend` takes one token too. */
  get canDecode(): boolean {
    return this.#isHost;
  }

  /** Whether tokens are drawn on the device, so that the logits (B, V) stay there. */
  get drawsInside(): boolean {
    return this.#isHost || this.keepsTensors;
  }

  /** Takes the adapter's numbers as they are now over into what `decode` runs with. */
  refreshDecoding(): void {
    this.#packedAdapter?.refresh();
  }

  /** Tokens pushed through each program since the start, padding included: what "spend no token twice" is measured by. */
  readonly tokensRun: Record<TokenProgramName, number> = {
    extend: 0,
    'extend-score': 0,
    decode: 0,
    score: 0,
    reference: 0,
    step: 0,
  };
  /** Seconds that each program spent inside onnxruntime since the start. */
  readonly secondsInside: Record<ProgramName, number> = {
    ...this.tokensRun,
    logits: 0,
    draw: 0,
    'draw-greedy': 0,
  };

  /** Seconds that building and compiling programs took since the start. */
  secondsCompiling = 0;

  /**
   * @param positions of each flat token of this run, (N)
   * @param contextLength longest sequence this run belongs to: LongRoPE chooses its factors by it; 0: as long as the positions say
   * @param into outputs that are written into tensors of the device
   */
  async run(
    name: TokenProgramName,
    inputs: Readonly<Record<string, HostTensor | DeviceTensor>>,
    outputs: readonly string[],
    options: {
      readonly positions: Int32Array;
      readonly contextLength: number;
      readonly into?: Readonly<Record<string, DeviceTensor>>;
    },
  ): Promise<Record<string, Float32Array>> {
    const feeds: Record<string, HostTensor | DeviceTensor> = {
      ...inputs,
      ...this.#rotary(options.positions, options.contextLength),
    };
    if (this.#adapter !== null && name !== 'decode' && name !== 'reference') {
      feeds[ADAPTER_SCALE] = { shape: [1], data: Float32Array.of(this.#adapter.scale) };
    }
    this.tokensRun[name] += options.positions.length;
    return this.#timed(name, feeds, outputs, options.into);
  }

  /** Runs what follows the final hidden states (B, D). */
  async runHead(
    name: HeadProgramName,
    inputs: Readonly<Record<string, HostTensor>>,
    outputs: readonly string[],
  ): Promise<Record<string, Float32Array>> {
    return this.#timed(name, inputs, outputs);
  }

  async #timed(
    name: ProgramName,
    feeds: Readonly<Record<string, HostTensor | DeviceTensor>>,
    outputs: readonly string[],
    into: Readonly<Record<string, DeviceTensor>> = {},
  ): Promise<Record<string, Float32Array>> {
    const session = await this.#session(name);
    const start = performance.now();
    const results = await session.run(feeds, outputs, into);
    this.secondsInside[name] += (performance.now() - start) / 1000;
    return results;
  }

  /** Whether tensors, caches too, stay on the device between runs; `extend` and `extend-score` are then made for such caches. */
  get keepsTensors(): boolean {
    return keepsTensors(this.options.device);
  }

  /** The memory of a device that keeps tensors, with the copies that programs are bound to. */
  memory(): Promise<DeviceMemory> {
    this.#memory ??= this.#sharing?.memory() ?? Promise.resolve(new DeviceMemory(this.options));
    return this.#memory;
  }

  /** To be called when the host has changed tensors that programs are bound to. */
  async refresh(tensors: Iterable<HostTensor<Numbers>>): Promise<void> {
    if (this.keepsTensors) await (await this.memory()).refresh(tensors);
  }

  async zeros(name: string, shape: readonly number[]): Promise<DeviceTensor> {
    return (await this.memory()).zeros(name, shape);
  }

  async emptyCache(name: string, shape: readonly number[]): Promise<DeviceTensor> {
    return (await this.memory()).zeros(name, shape, this.precision);
  }

  async rearrange(
    tensors: readonly DeviceTensor[],
    rows: readonly number[],
    columns: readonly number[],
  ): Promise<readonly DeviceTensor[]> {
    this.#rearrange ??= this.open('rearrange', buildRearrangeProgram(this.config, this.precision), 'device');
    const session = await this.#rearrange;
    const { layers } = this.config;
    const past = Object.fromEntries(cacheNames(layers, pastName).map((name, i) => [name, tensors[i]!]));
    const names = cacheNames(layers, presentName);
    const inputs = { ...past, rows: wholeNumbers(rows), columns: wholeNumbers(columns) };
    const outputs = await session.runOnDevice(inputs, names);
    return names.map((name) => outputs[name]!);
  }

  /** What else runs on this model's device, such as its optimizer: `placements` tells of it, of the latest by a name. */
  async open(name: string, model: Uint8Array, results: 'host' | 'device' = 'host'): Promise<Session> {
    const session = Session.create(name, model, { ...this.options, results, profiled: this.options.device !== 'cpu' });
    this.#opened.set(name, session);
    return session;
  }

  /** Where the operators of each program that has run were executed; nothing on the CPU, which has no choice. */
  async placements(): Promise<Record<string, Placement>> {
    const placements: Record<string, Placement> = {};
    for (const [name, session] of [...this.#sessions, ...this.#opened]) {
      const { placement } = await session;
      if (placement !== null) placements[name] = placement;
    }
    return placements;
  }

  /** Names of the parameters that `step` returns gradients for. */
  async trainables(): Promise<readonly string[]> {
    await this.#session('step');
    return this.#trainables;
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
    const start = performance.now();
    const { model, constants } = this.#build(name);
    const session = await Session.create(name, model, {
      ...this.options,
      constants: this.#joinedWeights(constants),
      profiled: this.options.device !== 'cpu',
    });
    this.secondsCompiling += (performance.now() - start) / 1000;
    for (const input of session.inputNames) {
      const tensor =
        this.#weights.get(input) ??
        this.#headViews.get(input) ??
        this.#adapter?.tensors.get(input) ??
        this.#packedAdapter?.tensors.get(input);
      if (tensor === undefined) continue;
      session.bind(
        input,
        this.keepsTensors ? await (await this.memory()).resident(input, tensor as HostTensor<Numbers>) : tensor,
      );
    }
    return session;
  }

  #build(name: ProgramName): {
    readonly model: Uint8Array;
    readonly constants?: ReadonlyMap<string, readonly string[]>;
  } {
    const adapter = this.#adapter?.shape ?? null;
    const { precision } = this;
    const operators = this.#isHost ? 'cpu' : 'portable';
    switch (name) {
      case 'extend':
      case 'extend-score': {
        const head = name === 'extend' ? 'hidden' : 'log-probs';
        if (this.keepsTensors) return { model: buildDeviceExtendProgram(this.config, adapter, head, precision) };
        return { model: buildExtendProgram(this.config, adapter, head, operators, this.#format) };
      }
      case 'decode':
        return buildDecodeProgram(
          this.config,
          adapter,
          this.#format === 'int8' ? 'int8' : this.#copies ? 'constants' : 'inputs',
        );
      case 'logits':
      case 'draw':
      case 'draw-greedy':
        return buildHeadProgram(this.config, adapter, name, { constants: this.#copies, operators, precision });
      case 'score':
        return buildPackedProgram(this.config, adapter, 'nothing', operators, false, this.#format);
      case 'reference':
        return buildPackedProgram(this.config, null, 'nothing', operators, false, this.#format);
      case 'step': {
        const { recompute = false } = this.options;
        const step = buildPackedProgram(this.config, adapter, this.#trainable, operators, recompute, this.#format);
        this.#trainables = step.trainables;
        return step;
      }
      default:
        return unreachable(name);
    }
  }

  /** What becomes part of a program: weights, one above the other where they are one product there; int8 matrices turned, (in, out). */
  #joinedWeights(
    constants: ReadonlyMap<string, readonly string[]> = new Map(),
  ): ReadonlyMap<string, Float32Array | Int8Array> {
    return new Map(
      [...constants].map(([name, parts]): [string, Float32Array | Int8Array] => {
        const tensors = parts.map((part) => this.#weights.get(part)!);
        const data = tensors.map((tensor) => tensor.data);
        if (data.every((part) => part instanceof Int8Array))
          return [name, transposed(joined(data), tensors[0]!.shape[1]!)];
        // float16 is for other devices.
        const floats = data as Float32Array[];
        return [name, floats.length === 1 ? floats[0]! : joined(floats)];
      }),
    );
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    const sessions = [...this.#sessions.values(), ...(this.#rearrange === null ? [] : [this.#rearrange])];
    this.#sessions.clear();
    await Promise.all(sessions.map(async (session) => (await session).dispose()));
    if (this.#sharing === null) await (await this.#memory)?.dispose();
  }
}
