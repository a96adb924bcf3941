/** Looks into every program that runs: the shape of each value between its nodes, as declared and as a run gives it. */
import { strict as assert } from 'node:assert';
import * as ort from 'onnxruntime-node';
import { along, declarations, graphName, type Size, VALUE_INFO } from './onnx_reader.ts';

/** onnx.proto3: a GraphProto holds `value_info` and `output` in the same message, and both keys take one byte. */
const VALUE_INFO_KEY = (VALUE_INFO << 3) | 2;
const OUTPUT_KEY = (12 << 3) | 2;

/** A program that gives what stands between its nodes, too. */
function opened(model: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(model);
  for (const { key } of along(model, [7, VALUE_INFO])) {
    assert.equal(copy[key], VALUE_INFO_KEY);
    copy[key] = OUTPUT_KEY;
  }
  return copy;
}

/**
 * While `action` runs, every run of every program is checked: each value has the declared sizes, and a name stands for one size.
 * @returns how many values of each program were seen
 */
export async function checkingShapes(action: () => Promise<void>): Promise<Readonly<Record<string, number>>> {
  const seen: Record<string, number> = {};
  const library = ort.InferenceSession as unknown as {
    create: (model: Uint8Array, options: ort.InferenceSession.SessionOptions) => Promise<ort.InferenceSession>;
  };
  const create = library.create;
  library.create = async (model, options) => {
    const name = graphName(model);
    const values = declarations(model, VALUE_INFO);
    const declared = new Map([...declarations(model, 11), ...values, ...declarations(model, 12)]);
    const session = await create.call(library, opened(model), options);
    const run = session.run.bind(session);
    session.run = async (feeds: ort.InferenceSession.FeedsType, fetches: unknown, ...rest: unknown[]) => {
      const wanted = {
        ...Object.fromEntries([...values.keys()].map((value) => [value, null])),
        ...(fetches as object),
      };
      const results = await (run as (...all: unknown[]) => Promise<ort.InferenceSession.OnnxValueMapType>)(
        feeds,
        wanted,
        ...rest,
      );
      const sizes = new Map<string, number>();
      for (const [value, tensor] of [...Object.entries(feeds), ...Object.entries(results)])
        check(name, value, declared.get(value)!, (tensor as ort.Tensor).dims, sizes);
      seen[name] = Math.max(seen[name] ?? 0, values.size);
      return results;
    };
    return session;
  };
  try {
    await action();
  } finally {
    library.create = create;
  }
  return seen;
}

function check(
  program: string,
  value: string,
  declared: readonly Size[],
  actual: readonly number[],
  sizes: Map<string, number>,
): void {
  const known = declared.map((size) => {
    if (typeof size === 'number') return size;
    return sizes.get(size);
  });
  const told = `${program}: ${value} (${declared.join(', ')}) was (${actual.join(', ')})`;
  assert.equal(actual.length, declared.length, told);
  actual.forEach((size, axis) => {
    assert.equal(size, known[axis] ?? size, told);
    if (typeof declared[axis] === 'string') sizes.set(declared[axis], size);
  });
}
