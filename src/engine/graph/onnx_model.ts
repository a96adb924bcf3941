/** Serialises a graph as an ONNX ModelProto. Field numbers: onnx/onnx.proto3, IR version 10. */
import { ProtobufWriter } from './protobuf.ts';

export type ElementType = 'float32' | 'float16' | 'int64' | 'int32' | 'int8' | 'uint8' | 'bool';
/** A size known when the graph is built, or the name of one that is known only at run time. */
export type Dim = number | string;
export type Attribute = number | string | readonly number[] | { readonly float: number } | { readonly graph: Graph };

export interface TensorDeclaration {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly Dim[];
}

export interface Initializer {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** Raw little-endian bytes; null: they are handed to the session under the tensor's name, so that no size limit of protobuf counts. */
  readonly data: Uint8Array | null;
}

export interface Node {
  readonly operator: string;
  readonly domain: '' | 'com.microsoft';
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface Graph {
  readonly name: string;
  readonly nodes: readonly Node[];
  /**
   * What stands between nodes. onnxruntime finds it out by itself, but for sizes that only a run knows: it then compares every new buffer
   * with all those it could not give away, which takes the square of the number of nodes (docs/bench/NOTES.md, "Compiling"). One name is one size.
   */
  readonly values: readonly TensorDeclaration[];
  readonly inputs: readonly TensorDeclaration[];
  readonly outputs: readonly TensorDeclaration[];
  readonly initializers: readonly Initializer[];
}

const IR_VERSION = 10;
const OPSET_VERSION = 21;
const DATA_TYPE: Readonly<Record<ElementType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
};
const BYTES: Readonly<Record<ElementType, number>> = {
  float32: 4,
  float16: 2,
  int64: 8,
  int32: 4,
  int8: 1,
  uint8: 1,
  bool: 1,
};
const EXTERNAL = 1;
const ATTRIBUTE_FLOAT = 1;
const ATTRIBUTE_INT = 2;
const ATTRIBUTE_STRING = 3;
const ATTRIBUTE_GRAPH = 5;
const ATTRIBUTE_INTS = 7;

export function serialiseModel(graph: Graph): Uint8Array {
  const model = new ProtobufWriter();
  model.integer(1, IR_VERSION);
  model.text(2, 'latro-studio');
  model.message(7, (out) => writeGraph(out, graph));
  for (const [domain, version] of [['', OPSET_VERSION] as const, ['com.microsoft', 1] as const]) {
    model.message(8, (out) => {
      out.text(1, domain);
      out.integer(2, version);
    });
  }
  return model.finish();
}

function writeGraph(out: ProtobufWriter, graph: Graph): void {
  for (const node of graph.nodes) out.message(1, (inner) => writeNode(inner, node));
  out.text(2, graph.name);
  for (const tensor of graph.initializers) out.message(5, (inner) => writeInitializer(inner, tensor));
  for (const tensor of graph.inputs) out.message(11, (inner) => writeDeclaration(inner, tensor));
  for (const tensor of graph.values) out.message(13, (inner) => writeDeclaration(inner, tensor));
  for (const tensor of graph.outputs) out.message(12, (inner) => writeDeclaration(inner, tensor));
}

function writeNode(out: ProtobufWriter, node: Node): void {
  for (const input of node.inputs) out.text(1, input);
  for (const output of node.outputs) out.text(2, output);
  out.text(3, node.outputs[0] ?? '');
  out.text(4, node.operator);
  for (const [name, value] of Object.entries(node.attributes))
    out.message(5, (inner) => writeAttribute(inner, name, value));
  if (node.domain !== '') out.text(7, node.domain);
}

function writeAttribute(out: ProtobufWriter, name: string, value: Attribute): void {
  out.text(1, name);
  if (typeof value === 'number') {
    out.integer(3, value);
    out.integer(20, ATTRIBUTE_INT);
  } else if (typeof value === 'string') {
    out.text(4, value);
    out.integer(20, ATTRIBUTE_STRING);
  } else if ('graph' in value) {
    out.message(6, (inner) => writeGraph(inner, value.graph));
    out.integer(20, ATTRIBUTE_GRAPH);
  } else if ('float' in value) {
    out.float(2, value.float);
    out.integer(20, ATTRIBUTE_FLOAT);
  } else {
    for (const item of value) out.integer(8, item);
    out.integer(20, ATTRIBUTE_INTS);
  }
}

function writeInitializer(out: ProtobufWriter, tensor: Initializer): void {
  for (const size of tensor.shape) out.integer(1, size);
  out.integer(2, DATA_TYPE[tensor.type]);
  out.text(8, tensor.name);
  if (tensor.data !== null) {
    out.bytes(9, tensor.data);
    return;
  }
  const length = tensor.shape.reduce((product, size) => product * size, BYTES[tensor.type]);
  const place = { location: tensor.name, offset: '0', length: String(length) };
  for (const [key, value] of Object.entries(place)) {
    out.message(13, (entry) => {
      entry.text(1, key);
      entry.text(2, value);
    });
  }
  out.integer(14, EXTERNAL);
}

function writeDeclaration(out: ProtobufWriter, tensor: TensorDeclaration): void {
  out.text(1, tensor.name);
  out.message(2, (type) =>
    type.message(1, (tensorType) => {
      tensorType.integer(1, DATA_TYPE[tensor.type]);
      tensorType.message(2, (shape) => {
        for (const size of tensor.shape) {
          shape.message(1, (dim) => (typeof size === 'number' ? dim.integer(1, size) : dim.text(2, size)));
        }
      });
    }),
  );
}
