/** Every differentiable operator's gradient against central finite differences, on the runtime that will execute it. */
import { strict as assert } from 'node:assert';
import { RandomStream } from '../../src/engine/common/random.ts';
import * as attention from '../../src/engine/graph/attention.ts';
import * as chunked from '../../src/engine/graph/chunked_head.ts';
import { differentiate } from '../../src/engine/graph/differentiate.ts';
import * as extended from '../../src/engine/graph/extended_vocabulary.ts';
import { GraphBuilder, type OperatorSet, type Value } from '../../src/engine/graph/graph_builder.ts';
import * as operators from '../../src/engine/graph/operators.ts';
import * as rows from '../../src/engine/graph/row_operators.ts';
import * as tokens from '../../src/engine/graph/token_log_probabilities.ts';
import { type Device, type HostTensor, Session } from '../../src/engine/runtime/session.ts';

interface Case {
  readonly name: string;
  /** Shapes of the inputs that gradients are checked for. */
  readonly shapes: readonly (readonly number[])[];
  /** Further inputs, without gradient. */
  readonly fixed?: Readonly<Record<string, HostTensor>>;
  /** For graphs of the CPU's operators only. */
  readonly onlyCpu?: boolean;
  readonly build: (graph: GraphBuilder, inputs: readonly Value[], fixed: Readonly<Record<string, Value>>) => Value;
}

const ids = (...values: number[]): HostTensor => ({
  shape: [values.length],
  data: BigInt64Array.from(values.map(BigInt)),
});
const angles = (rows: number, half: number, f: (x: number) => number): HostTensor => ({
  shape: [rows, half],
  data: Float32Array.from({ length: rows * half }, (_, i) => f(0.3 * (i + 1))),
});

const HEAD = Float32Array.from({ length: 21 }, (_, i) => Math.sin(i));

const CASES: readonly Case[] = [
  {
    name: 'add',
    shapes: [
      [3, 4],
      [3, 4],
    ],
    build: (g, [a, b]) => operators.add(g, a!, b!),
  },
  { name: 'add, broadcast over rows', shapes: [[3, 4], [4]], build: (g, [a, b]) => operators.add(g, a!, b!) },
  {
    name: 'add, broadcast inside',
    shapes: [
      [2, 3, 4],
      [2, 1, 4],
    ],
    build: (g, [a, b]) => operators.add(g, a!, b!),
  },
  {
    name: 'subtract',
    shapes: [
      [3, 4],
      [1, 4],
    ],
    build: (g, [a, b]) => operators.subtract(g, a!, b!),
  },
  {
    name: 'multiply',
    shapes: [
      [3, 4],
      [3, 4],
    ],
    build: (g, [a, b]) => operators.multiply(g, a!, b!),
  },
  { name: 'multiply, broadcast by one', shapes: [[3, 4], [1]], build: (g, [a, b]) => operators.multiply(g, a!, b!) },
  { name: 'multiply by itself', shapes: [[3, 4]], build: (g, [a]) => operators.multiply(g, a!, a!) },
  {
    name: 'linear',
    shapes: [
      [5, 3],
      [4, 3],
    ],
    build: (g, [x, w]) => operators.linear(g, x!, w!),
  },
  { name: 'linear with bias', shapes: [[5, 3], [4, 3], [4]], build: (g, [x, w, b]) => operators.linear(g, x!, w!, b!) },
  {
    name: 'adaptedLinear with residual',
    shapes: [
      [5, 3],
      [2, 3],
      [4, 2],
      [5, 4],
    ],
    fixed: {
      weight: { shape: [4, 3], data: Float32Array.from({ length: 12 }, (_, i) => Math.sin(i)) },
      scale: { shape: [1], data: Float32Array.of(1.7) },
    },
    build: (g, [x, a, b, residual], { weight, scale }) =>
      operators.adaptedLinear(g, x!, { weight: weight!, scale: scale! }, { a: a!, b: b! }, residual!),
  },
  {
    name: 'adaptedLinear with bias',
    shapes: [[5, 3], [2, 3], [4, 2], [4]],
    fixed: {
      weight: { shape: [4, 3], data: Float32Array.from({ length: 12 }, (_, i) => Math.cos(i)) },
      scale: { shape: [1], data: Float32Array.of(0.6) },
    },
    build: (g, [x, a, b, bias], { weight, scale }) =>
      operators.adaptedLinear(g, x!, { weight: weight!, scale: scale! }, { a: a!, b: b! }, bias!),
  },
  {
    name: 'matmul',
    shapes: [
      [2, 3, 4],
      [2, 4, 5],
    ],
    build: (g, [a, b]) => operators.matmul(g, a!, b!),
  },
  {
    name: 'matmul, b transposed',
    shapes: [
      [2, 2, 3, 4],
      [2, 2, 5, 4],
    ],
    build: (g, [a, b]) => operators.matmul(g, a!, b!, { transposeB: true }),
  },
  { name: 'reshape', shapes: [[4, 6]], build: (g, [x]) => operators.reshape(g, x!, [2, 2, 6]) },
  { name: 'transpose', shapes: [[2, 3, 4, 2]], build: (g, [x]) => operators.transpose(g, x!, [2, 0, 3, 1]) },
  {
    name: 'concat',
    shapes: [
      [2, 3],
      [2, 4],
    ],
    build: (g, [a, b]) => operators.concat(g, [a!, b!], 1, 7),
  },
  {
    name: 'split, one part unused',
    shapes: [[6, 3]],
    build: (g, [x]) => {
      const [a, , c] = operators.split(g, x!, 0, [1, 2, 3]);
      return operators.multiply(g, a!, c!);
    },
  },
  { name: 'softmax', shapes: [[3, 5]], build: (g, [x]) => operators.softmax(g, x!) },
  {
    name: 'swiglu',
    shapes: [
      [3, 4],
      [3, 4],
    ],
    build: (g, [a, b]) => operators.swiglu(g, a!, b!),
  },
  { name: 'rmsNorm', shapes: [[4, 6], [6]], build: (g, [x, w]) => operators.rmsNorm(g, x!, w!, 1e-5) },
  {
    name: 'rotary',
    shapes: [[1, 3, 8]],
    fixed: { cos: angles(3, 2, Math.cos), sin: angles(3, 2, Math.sin) },
    build: (g, [x], { cos, sin }) => operators.rotary(g, x!, cos!, sin!),
  },
  {
    name: 'rotary of the first dimensions of each head',
    shapes: [[1, 3, 8]],
    fixed: { cos: angles(3, 1, Math.cos), sin: angles(3, 1, Math.sin) },
    build: (g, [x], { cos, sin }) => operators.rotary(g, x!, cos!, sin!, { rotaryDim: 2, heads: 2 }),
  },
  {
    name: 'dropout',
    shapes: [[3, 4]],
    fixed: {
      rows: { shape: [3, 1], data: Float32Array.of(211.3, 1723.9, 3301.2) },
      columns: { shape: [4], data: Float32Array.of(0.127, 0.683, 0.391, 0.902) },
    },
    build: (g, [x], { rows, columns }) => operators.dropout(g, x!, rows!, columns!, 0.4),
  },
  {
    name: 'linear with residual',
    shapes: [
      [5, 3],
      [4, 3],
      [5, 4],
    ],
    build: (g, [x, w, residual]) => operators.linear(g, x!, w!, residual!),
  },
  {
    name: 'embed, ids repeated',
    shapes: [[5, 3]],
    fixed: { ids: ids(4, 1, 4, 0) },
    build: (g, [table], fixed) => rows.embed(g, table!, fixed.ids!),
  },
  {
    name: 'tokenLogProbabilities',
    shapes: [
      [4, 3],
      [6, 3],
    ],
    fixed: { targets: ids(5, 0, 5, 2) },
    build: (g, [h, w], { targets }) => tokens.tokenLogProbabilities(g, h!, w!, targets!),
  },
  {
    name: 'embedExtended, ids of both tensors, some repeated',
    shapes: [
      [4, 3],
      [2, 3],
    ],
    fixed: { ids: ids(5, 3, 4, 5, 0, 3) },
    build: (g, [table, extra], fixed) => extended.embedExtended(g, table!, extra!, fixed.ids!),
  },
  {
    name: 'tokenLogProbabilitiesExtended, targets of both tensors',
    shapes: [
      [5, 3],
      [4, 3],
      [2, 3],
    ],
    fixed: { targets: ids(5, 0, 3, 5, 4) },
    build: (g, [h, w, e], { targets }) => extended.tokenLogProbabilitiesExtended(g, h!, w!, e!, targets!),
  },
  {
    name: 'attend, two rows of queries to a row of bias',
    shapes: [
      [2, 4, 3],
      [2, 5, 3],
      [2, 5, 3],
    ],
    fixed: {
      bias: { shape: [2, 1, 2, 5], data: Float32Array.from({ length: 20 }, (_, i) => (i % 7 === 3 ? -1e9 : 0)) },
    },
    build: (g, [q, k, v], { bias }) => attention.attend(g, q!, k!, v!, bias!, [2, 2, 2, 5]),
  },
  { name: 'withZeros', shapes: [[2, 3]], build: (g, [x]) => operators.withZeros(g, x!, [3, 5]) },
  {
    name: 'repeatAlong',
    shapes: [[2, 3]],
    build: (g, [x]) => operators.multiply(g, attention.repeatAlong(g, x!, 1, 4), g.floats([1, 2, 3, 4], [1, 4, 1])),
  },
  // 5 rows in chunks of at most 2: 2, 2 and 1.
  {
    name: 'tokenLogProbabilitiesInChunks',
    shapes: [
      [5, 3],
      [6, 3],
    ],
    fixed: { targets: ids(5, 0, 5, 2, 1) },
    build: (g, [h, w], { targets }) => chunked.tokenLogProbabilitiesInChunks(g, h!, w!, targets!, [w!], 2),
    onlyCpu: true,
  },
  {
    name: 'tokenLogProbabilitiesInChunks, all rows in one',
    shapes: [[4, 3]],
    fixed: {
      targets: ids(5, 0, 5, 2),
      w: { shape: [6, 3], data: Float32Array.from({ length: 18 }, (_, i) => Math.sin(i)) },
    },
    build: (g, [h], { targets, w }) => chunked.tokenLogProbabilitiesInChunks(g, h!, w!, targets!),
    onlyCpu: true,
  },
  {
    name: 'tokenLogProbabilitiesInChunks, the head in three pieces',
    shapes: [[5, 3]],
    fixed: {
      targets: ids(5, 0, 6, 2, 1),
      w: { shape: [7, 3], data: HEAD },
      top: { shape: [1, 3], data: HEAD.subarray(0, 3) },
      middle: { shape: [4, 3], data: HEAD.subarray(3, 15) },
      bottom: { shape: [2, 3], data: HEAD.subarray(15) },
    },
    build: (g, [h], { targets, w, top, middle, bottom }) =>
      chunked.tokenLogProbabilitiesInChunks(g, h!, w!, targets!, [top!, middle!, bottom!], 2),
    onlyCpu: true,
  },
  {
    name: 'a value used twice accumulates',
    shapes: [[3, 3]],
    build: (g, [x]) => operators.add(g, operators.softmax(g, x!), operators.multiply(g, x!, operators.softmax(g, x!))),
  },
];

/** `npm run test:webgpu` runs the same cases there. */
const device = (process.env.LATRO_TEST_DEVICE ?? 'cpu') as Device;
const operatorSets: readonly OperatorSet[] = device === 'cpu' ? ['cpu', 'portable'] : ['portable'];

const size = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1);

describe(`gradients against finite differences, on ${device}`, () => {
  for (const { name, shapes, fixed = {}, build, operatorSet } of operatorSets.flatMap((operatorSet) =>
    CASES.filter(({ onlyCpu }) => operatorSet === 'cpu' || !onlyCpu).map((testCase) => ({ ...testCase, operatorSet })),
  )) {
    it(operatorSet === 'cpu' ? name : `${name}, with portable operators`, async () => {
      const random = new RandomStream(7, name.length, shapes.length);
      const graph = new GraphBuilder(name, operatorSet);
      const inputs = shapes.map((shape, i) => graph.input(`x${i}`, 'float32', shape, { trainable: true }));
      const fixedValues = Object.fromEntries(
        Object.entries(fixed).map(([key, tensor]) => [
          key,
          graph.input(key, tensor.data instanceof Float32Array ? 'float32' : 'int64', tensor.shape),
        ]),
      );
      const y = build(graph, inputs, fixedValues);
      const seed = graph.input('seed', 'float32', y.shape);
      differentiate(graph, [{ value: y, gradient: seed }], inputs).forEach((gradient, i) => {
        graph.output(`g${i}`, gradient);
      });
      graph.output('y', y);
      const session = await Session.create(name, graph.serialise(), { device, threads: 1 });

      const values = shapes.map((shape) => Float32Array.from({ length: size(shape) }, () => random.nextNormal()));
      const weights = Float32Array.from({ length: size(y.shape as number[]) }, () => random.nextNormal());
      const run = () =>
        session.run(
          {
            ...fixed,
            ...Object.fromEntries(values.map((data, i) => [`x${i}`, { shape: shapes[i]!, data }])),
            seed: { shape: y.shape as number[], data: weights },
          },
          ['y', ...shapes.map((_, i) => `g${i}`)],
        );
      const objective = async (): Promise<number> =>
        (await run()).y!.reduce((sum, value, i) => sum + value * weights[i]!, 0);
      const analytic = await run();
      const step = 2e-2;
      for (const [i, data] of values.entries()) {
        const gradient = analytic[`g${i}`]!;
        assert.equal(gradient.length, data.length);
        const scale = Math.max(1, ...gradient.map(Math.abs));
        for (let j = 0; j < data.length; j++) {
          const original = data[j]!;
          data[j] = original + step;
          const above = await objective();
          data[j] = original - step;
          const below = await objective();
          data[j] = original;
          const numeric = (above - below) / (2 * step);
          assert.ok(
            Math.abs(numeric - gradient[j]!) < 5e-3 * scale,
            `d/dx${i}[${j}]: numeric ${numeric}, ours ${gradient[j]}`,
          );
        }
      }
      await session.dispose();
    });
  }

  it('covers every differentiable operator', () => {
    const helpers = new Set([
      'broadcastShape',
      'elementwise',
      'logSoftmax',
      'scatterRows',
      'logitsExtended',
      'rowsPerChunk',
      'LOGITS_AT_A_TIME',
      'pieceSizes',
    ]);
    const covered = new Set(CASES.map((testCase) => testCase.name.split(/[ ,]/)[0]));
    for (const name of [operators, rows, attention, extended, tokens, chunked].flatMap(Object.keys))
      if (!helpers.has(name)) assert.ok(covered.has(name), `${name} has no gradient test`);
  });

  it('refuses shapes that cannot broadcast', () => {
    assert.throws(() => operators.broadcastShape([2, 3], [2, 4]), /cannot broadcast/);
  });
});
