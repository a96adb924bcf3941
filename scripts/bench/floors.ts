/**
 * What the machine can do, measured in the process whose stage is judged by it: the rate at which onnxruntime multiplies the
 * model's own matrices with 512 rows, and the rate at which it reads memory.
 */
import { GraphBuilder } from '../../src/engine/graph/graph_builder.ts';
import { cast, computedIn } from '../../src/engine/graph/precision.ts';
import { type ModelConfig, parameterShapes } from '../../src/engine/model/config.ts';
import { narrowToFloat16 } from '../../src/engine/model/number_formats.ts';
import type { ProgramOptions } from '../../src/engine/model/programs.ts';
import { type HostTensor, Session, type SessionOptions } from '../../src/engine/runtime/session.ts';
import { median } from './statistics.ts';

export interface Floors {
  readonly matmulGflops: number;
  readonly memoryGBs: number;
}

export interface FloorMeter {
  measure(): Promise<Floors>;
  dispose(): Promise<void>;
}

interface MatrixKind {
  readonly outputs: number;
  readonly inputs: number;
  readonly count: number;
}

interface MatrixSession {
  readonly kind: MatrixKind;
  readonly session: Session;
  readonly x: HostTensor;
}

const ROWS = 512;
/** 256 MB. */
const READ_ROWS = 16_000;
const READ_COLUMNS = 4000;
/** Seconds of measuring per kind of matrix. */
const PATIENCE = 0.12;

/** Every matrix that a token is multiplied with: linear layers and the output head. */
export function matrixKinds(config: ModelConfig): readonly MatrixKind[] {
  const kinds = new Map<string, MatrixKind>();
  const add = ([outputs, inputs]: readonly number[]): void => {
    const key = `${outputs}x${inputs}`;
    kinds.set(key, { outputs: outputs!, inputs: inputs!, count: (kinds.get(key)?.count ?? 0) + 1 });
  };
  for (const [name, shape] of parameterShapes(config)) if (name.endsWith('_proj.weight')) add(shape);
  add([config.vocabSize, config.hiddenSize]);
  return [...kinds.values()];
}

/**
 * In the precision of the model: GFLOP/s over all of the model's matrices with 512 rows, each kind weighted by how often it occurs. Matrices are laid out by onnxruntime when
 * it compiles, as it likes them best: the engine's own programs, whose weights are inputs, cannot have that.
 */
export class MatmulFloor {
  readonly #sessions: readonly MatrixSession[];

  private constructor(sessions: readonly MatrixSession[]) {
    this.#sessions = sessions;
  }

  static async create(config: ModelConfig, options: ProgramOptions): Promise<MatmulFloor> {
    const precision = computedIn(options.precision ?? 'float32');
    const sessions = await Promise.all(
      matrixKinds(config).map(async (kind) => {
        const graph = new GraphBuilder('floor');
        const x = graph.input('x', 'float32', [ROWS, kind.inputs]);
        const matrix = new Float32Array(kind.inputs * kind.outputs).map((_, i) => ((i * 31) % 17) / 100);
        const weight = graph.constantTensor('w', [kind.inputs, kind.outputs], precision);
        const product = graph.single('MatMul', [cast(graph, x, precision), weight], precision, [ROWS, kind.outputs]);
        const row = graph.single('Gather', [product, graph.integers([0])], precision, [1, kind.outputs], { axis: 0 });
        graph.output('y', cast(graph, row, 'float32'));
        const data = new Float32Array(ROWS * kind.inputs).map((_, i) => ((i * 7) % 13) / 100);
        const session = await Session.create('floor', graph.serialise(), {
          ...options,
          constants: new Map([['w', precision === 'float16' ? narrowToFloat16(matrix) : matrix]]),
        });
        return { kind, session, x: { shape: [ROWS, kind.inputs], data } };
      }),
    );
    return new MatmulFloor(sessions);
  }

  /** Of all matrices with ROWS rows. */
  get operations(): number {
    return this.#sessions.reduce((sum, { kind }) => sum + 2 * ROWS * kind.outputs * kind.inputs * kind.count, 0);
  }

  async measure(): Promise<number> {
    let seconds = 0;
    for (const { kind, session, x } of this.#sessions)
      seconds += kind.count * (await typical(() => session.run({ x }, ['y'])));
    return this.operations / seconds / 1e9;
  }

  async dispose(): Promise<void> {
    for (const { session } of this.#sessions) await session.dispose();
  }
}

/** GB/s of reading 256 MB once, by onnxruntime's own threads: the best of two ways to sum rows and of a product with one row. */
export class MemoryFloor {
  readonly #sums: readonly Session[];
  readonly #product: Session;
  readonly #x: HostTensor = {
    shape: [READ_ROWS, READ_COLUMNS],
    data: new Float32Array(READ_ROWS * READ_COLUMNS).fill(1),
  };
  readonly #row: HostTensor = { shape: [1, READ_COLUMNS], data: new Float32Array(READ_COLUMNS).fill(1) };

  private constructor(sums: readonly Session[], product: Session) {
    this.#sums = sums;
    this.#product = product;
  }

  static async create(options: SessionOptions): Promise<MemoryFloor> {
    const sum = (operator: 'ReduceSum' | 'ReduceMax'): Promise<Session> => {
      const graph = new GraphBuilder('floor');
      const x = graph.input('x', 'float32', ['N', 'D']);
      graph.output('y', graph.single(operator, [x, graph.integers([1])], 'float32', ['N', 1], { keepdims: 1 }));
      return Session.create('floor', graph.serialise(), options);
    };
    const graph = new GraphBuilder('floor');
    const row = graph.input('x', 'float32', [1, READ_COLUMNS]);
    const matrix = graph.constantTensor('w', [READ_COLUMNS, READ_ROWS]);
    graph.output('y', graph.single('MatMul', [row, matrix], 'float32', [1, READ_ROWS]));
    const constants = new Map([['w', new Float32Array(READ_ROWS * READ_COLUMNS).fill(1)]]);
    const product = await Session.create('floor', graph.serialise(), { ...options, constants });
    return new MemoryFloor([await sum('ReduceSum'), await sum('ReduceMax')], product);
  }

  async measure(): Promise<number> {
    const seconds = [await typical(() => this.#product.run({ x: this.#row }, ['y']))];
    for (const session of this.#sums) seconds.push(await typical(() => session.run({ x: this.#x }, ['y'])));
    return (4 * READ_ROWS * READ_COLUMNS) / Math.min(...seconds) / 1e9;
  }

  async dispose(): Promise<void> {
    for (const session of [...this.#sums, this.#product]) await session.dispose();
  }
}

export async function openFloors(config: ModelConfig, options: ProgramOptions): Promise<FloorMeter> {
  const matmul = await MatmulFloor.create(config, options);
  const memory = await MemoryFloor.create(options);
  return {
    measure: async () => ({ matmulGflops: await matmul.measure(), memoryGBs: await memory.measure() }),
    dispose: async () => {
      await matmul.dispose();
      await memory.dispose();
    },
  };
}

/** Median seconds of an action, repeated for a while and at least three times. */
async function typical(action: () => Promise<unknown>): Promise<number> {
  await action();
  const seconds: number[] = [];
  const start = performance.now();
  while (seconds.length < 3 || performance.now() - start < 1000 * PATIENCE) {
    const before = performance.now();
    await action();
    seconds.push((performance.now() - before) / 1000);
  }
  return median(seconds);
}
