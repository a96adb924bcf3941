/** Reads serialised ONNX models: as much of them as tests look at. Field numbers: onnx/onnx.proto3. */

export type Size = number | string;

/** A field of a protobuf message: where its key and its content are. */
interface Field {
  readonly number: number;
  readonly key: number;
  readonly start: number;
  readonly end: number;
  readonly integer: number;
}

export const VALUE_INFO = 13;

function* fieldsOf(bytes: Uint8Array, from = 0, to = bytes.length): Generator<Field> {
  let at = from;
  const integer = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < to) {
    const key = at;
    const tag = integer();
    const wire = tag & 7;
    const number = Math.floor(tag / 8);
    const length = wire === 0 ? 0 : wire === 2 ? integer() : 4;
    const start = at;
    const value = wire === 0 ? integer() : 0;
    at += length;
    yield { number, key, start, end: at, integer: value };
  }
}

/** The fields along a path of numbers, of every branch. */
export function along(bytes: Uint8Array, path: readonly number[], from = 0, to = bytes.length): Field[] {
  const [first, ...rest] = path;
  const found = [...fieldsOf(bytes, from, to)].filter(({ number }) => number === first);
  return rest.length === 0 ? found : found.flatMap(({ start, end }) => along(bytes, rest, start, end));
}

const text = (bytes: Uint8Array, { start, end }: Field): string => new TextDecoder().decode(bytes.subarray(start, end));

export const graphName = (model: Uint8Array): string => text(model, along(model, [7, 2])[0]!);

/** name → sizes of the ValueInfoProtos in this field of the model's graph. */
export function declarations(model: Uint8Array, field: number): Map<string, readonly Size[]> {
  return new Map(
    along(model, [7, field]).map(({ start, end }) => {
      const sizes = along(model, [2, 1, 2, 1], start, end).map((dimension): Size => {
        const [size] = [...fieldsOf(model, dimension.start, dimension.end)];
        return size!.number === 1 ? size!.integer : text(model, size!);
      });
      return [text(model, along(model, [1], start, end)[0]!), sizes];
    }),
  );
}

/** One node of a graph; `inputs`: also what the bodies of loops take from outside. */
export interface ReadNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** The nodes of the model's graph, in their order. */
export function nodesOf(model: Uint8Array): ReadNode[] {
  const [graph] = along(model, [7]);
  return nodesWithin(model, graph!);
}

function nodesWithin(model: Uint8Array, graph: Field): ReadNode[] {
  return along(model, [1], graph.start, graph.end).map(({ start, end }) => {
    const texts = (field: number): string[] => along(model, [field], start, end).map((found) => text(model, found));
    const bodies = along(model, [5, 6], start, end).flatMap((body) => nodesWithin(model, body));
    const [operator] = texts(4);
    return { operator: operator!, inputs: [...texts(1), ...bodies.flatMap(({ inputs }) => inputs)], outputs: texts(2) };
  });
}
