/** Linear layers that multiply the same input, which may be computed as one product; and an adapter laid out for that. */

import type { BoundAdapter, TensorMap } from './bound_tensors.ts';
import { type ModelConfig, parameterShapes } from './config.ts';
import { adapterTensorName } from './decoder_graph.ts';

export interface ProjectionGroup {
  readonly name: string;
  /** Modules in the order their outputs stand side by side. */
  readonly parts: readonly { readonly module: string; readonly outputs: number }[];
  readonly inputs: number;
  /** Of all parts. */
  readonly outputs: number;
}

export interface LayerGroups {
  /** q, k, v */
  readonly attention: ProjectionGroup;
  readonly output: ProjectionGroup;
  /** gate, up */
  readonly gate: ProjectionGroup;
  readonly down: ProjectionGroup;
}

/** Per layer. */
export function projectionGroups(config: ModelConfig): readonly LayerGroups[] {
  const shapes = parameterShapes(config);
  const group = (prefix: string, name: string, layers: readonly string[]): ProjectionGroup => {
    const parts = layers.map((layer) => {
      const module = `${prefix}.${layer}`;
      return { module, outputs: shapes.get(`${module}.weight`)![0]! };
    });
    const inputs = shapes.get(`${prefix}.${layers[0]!}.weight`)![1]!;
    return { name: `${prefix}.${name}`, parts, inputs, outputs: parts.reduce((sum, { outputs }) => sum + outputs, 0) };
  };
  const fused = config.fusedProjections;
  return Array.from({ length: config.layers }, (_, layer) => {
    const attention = `model.layers.${layer}.self_attn`;
    const mlp = `model.layers.${layer}.mlp`;
    return {
      attention: group(attention, 'qkv', fused ? ['qkv_proj'] : ['q_proj', 'k_proj', 'v_proj']),
      output: group(attention, 'output', ['o_proj']),
      gate: group(mlp, 'gate_up', fused ? ['gate_up_proj'] : ['gate_proj', 'up_proj']),
      down: group(mlp, 'down', ['down_proj']),
    };
  });
}

export const adapterGroupName = (group: ProjectionGroup, side: 'A' | 'B'): string => `${group.name}.lora_${side}`;

/**
 * Copies of an adapter's tensors, group by group: A (in, R) holds s·A_iᵀ side by side, B (R, out) holds B_iᵀ in blocks along the
 * diagonal, so that x A B is what all modules of the group add (Hu et al. 2021 eq. 3). R = rank · adapted modules.
 */
export class PackedAdapter {
  readonly tensors: TensorMap;
  readonly #adapter: BoundAdapter;
  readonly #groups: readonly ProjectionGroup[];

  constructor(config: ModelConfig, adapter: BoundAdapter) {
    const { modules, rank } = adapter.shape;
    const adapted = ({ parts }: ProjectionGroup): number => parts.filter(({ module }) => modules.has(module)).length;
    const zeros = (rows: number, columns: number) => ({
      shape: [rows, columns],
      data: new Float32Array(rows * columns),
    });
    this.#adapter = adapter;
    this.#groups = projectionGroups(config).flatMap((layer) => Object.values(layer).filter(adapted));
    this.tensors = new Map(
      this.#groups.flatMap((group) => [
        [adapterGroupName(group, 'A'), zeros(group.inputs, rank * adapted(group))] as const,
        [adapterGroupName(group, 'B'), zeros(rank * adapted(group), group.outputs)] as const,
      ]),
    );
  }

  /** Takes the adapter's numbers as they are now. */
  refresh(): void {
    const { shape, tensors, scale } = this.#adapter;
    for (const group of this.#groups) {
      const a = this.tensors.get(adapterGroupName(group, 'A'))!;
      const b = this.tensors.get(adapterGroupName(group, 'B'))!;
      let first = 0;
      let output = 0;
      for (const { module, outputs } of group.parts) {
        if (shape.modules.has(module)) {
          transposeInto(a.data, a.shape[1]!, first, tensors.get(adapterTensorName(module, 'A'))!, scale);
          const corner = first * group.outputs + output;
          transposeInto(b.data, group.outputs, corner, tensors.get(adapterTensorName(module, 'B'))!, 1);
          first += shape.rank;
        }
        output += outputs;
      }
    }
  }
}

/** to[offset + column · stride + row] = scale · from[row, column]. */
function transposeInto(
  to: Float32Array,
  stride: number,
  offset: number,
  from: { readonly shape: readonly number[]; readonly data: Float32Array },
  scale: number,
): void {
  const [rows, columns] = from.shape as [number, number];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++)
      to[offset + column * stride + row] = scale * from.data[row * columns + column]!;
  }
}
