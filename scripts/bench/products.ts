/**
 * What decoding could reach in onnxruntime at most: the products of one more token for every row and nothing between them, in one program
 * that holds the matrices as `decode` and `draw` hold them. The floor is the rate at 512 rows; fewer rows never reach it.
 */
import { GraphBuilder, type Value } from '../../src/engine/graph/graph_builder.ts';
import { add } from '../../src/engine/graph/operators.ts';
import type { ModelConfig } from '../../src/engine/model/config.ts';
import { headName } from '../../src/engine/model/head_pieces.ts';
import { type ProjectionGroup, projectionGroups } from '../../src/engine/model/projection_groups.ts';
import { type HostTensor, Session, type SessionOptions } from '../../src/engine/runtime/session.ts';

/** float32, whatever the model is held in. */
export class ProductsOfOneToken {
  readonly #session: Session;
  readonly #x: HostTensor;

  private constructor(session: Session, x: HostTensor) {
    this.#session = session;
    this.#x = x;
  }

  static async create(config: ModelConfig, rows: number, options: SessionOptions): Promise<ProductsOfOneToken> {
    const graph = new GraphBuilder('products');
    const constants = new Map<string, Float32Array>();
    const numbers = new Map<number, Float32Array>();
    const matrix = (name: string, outputs: number, inputs: number): Value => {
      const size = outputs * inputs;
      const data = numbers.get(size) ?? new Float32Array(size).map((_, i) => (((i * 31) % 17) - 8) / 300);
      numbers.set(size, data);
      constants.set(name, data);
      return graph.constantTensor(name, [outputs, inputs]);
    };
    const product = (name: string, x: Value, outputs: number): Value =>
      graph.single('Gemm', [x, matrix(name, outputs, x.shape[1] as number)], 'float32', [rows, outputs], { transB: 1 });
    // What attention and the gate leave of a product's outputs is as wide as what is taken here.
    const into = (group: ProjectionGroup, x: Value): Value =>
      graph.single('Slice', [x, graph.integers([0]), graph.integers([group.inputs]), graph.integers([1])], 'float32', [
        rows,
        group.inputs,
      ]);
    let x = graph.input('x', 'float32', [rows, config.hiddenSize]);
    for (const { attention, output, gate, down } of projectionGroups(config)) {
      for (const [wide, narrow] of [
        [attention, output],
        [gate, down],
      ] as const) {
        const middle = into(narrow, product(wide.name, x, wide.outputs));
        x = add(graph, x, product(narrow.name, middle, narrow.outputs));
      }
    }
    const logits = product(headName(config), x, config.vocabSize);
    graph.output('y', graph.single('Gather', [logits, graph.integers([0])], 'float32', [rows, 1], { axis: 1 }));
    const session = await Session.create('products', graph.serialise(), { ...options, constants });
    const data = new Float32Array(rows * config.hiddenSize).map((_, i) => ((i * 7) % 13) / 100);
    return new ProductsOfOneToken(session, { shape: [rows, config.hiddenSize], data });
  }

  async run(): Promise<void> {
    await this.#session.run({ x: this.#x }, ['y']);
  }

  async dispose(): Promise<void> {
    await this.#session.dispose();
  }
}
