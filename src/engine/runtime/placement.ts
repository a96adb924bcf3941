/**
 * Which operators of a program a device executes, and which it leaves to the CPU. onnxruntime says so nowhere but in the profile of a
 * run, so the first run of a program is profiled.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';

export interface Placement {
  /** Operators that the device executed. */
  readonly onDevice: number;
  /** Operators on real numbers that fell back to the CPU: name → how many. Their data crosses twice. */
  readonly fellBack: Readonly<Record<string, number>>;
  /** Operators on sizes and token ids alone, which onnxruntime computes on the CPU on purpose. */
  readonly onIntegers: number;
}

const Shapes = v.array(v.record(v.string(), v.array(v.number())));
const NodeEvent = v.object({
  cat: v.literal('Node'),
  args: v.object({
    provider: v.string(),
    op_name: v.string(),
    input_type_shape: v.optional(Shapes, []),
  }),
});

export class PlacementProfile {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(): Promise<PlacementProfile> {
    return new PlacementProfile(await mkdtemp(join(tmpdir(), 'latro-profile-')));
  }

  /** Where onnxruntime is to write. */
  get prefix(): string {
    return join(this.#folder, 'run');
  }

  /** Reads what onnxruntime wrote when the profile was ended, and removes it. */
  async read(): Promise<Placement> {
    try {
      const [name] = await readdir(this.#folder);
      if (name === undefined) throw new Error('onnxruntime wrote no profile');
      return placementOf(JSON.parse(await readFile(join(this.#folder, name), 'utf8')));
    } finally {
      await this.discard();
    }
  }

  async discard(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** @param events of one profiled run, as onnxruntime writes them (Chrome's trace format) */
export function placementOf(events: readonly unknown[]): Placement {
  let onDevice = 0;
  let onIntegers = 0;
  const fellBack: Record<string, number> = {};
  for (const event of events) {
    const parsed = v.safeParse(NodeEvent, event);
    if (!parsed.success) continue;
    const { provider, op_name: name, input_type_shape: inputs } = parsed.output.args;
    if (provider !== 'CPUExecutionProvider') onDevice++;
    else if (inputs.some((tensor) => Object.keys(tensor).some(isReal))) fellBack[name] = (fellBack[name] ?? 0) + 1;
    else onIntegers++;
  }
  return { onDevice, fellBack, onIntegers };
}

const isReal = (type: string): boolean => type.startsWith('float') || type === 'double' || type === 'bfloat16';
