/**
 * `npm run bench:leak`: memory over 2,000 LaTRO updates of a tiny model (`--updates N` for another number). Rationales end where the
 * model ends them, so that shapes vary as in a run. Prints what the process holds every 100 updates, and ends with 1 when it grows by
 * more than LARGEST_GROWTH; `test/unit/memory_flat.test.ts` runs the same for fewer.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parseModelConfig } from '../../src/engine/model/config.ts';
import { benchModel } from './stages.ts';
import { median } from './statistics.ts';
import { newOptimizer, timedUpdate } from './update.ts';

export interface Held {
  readonly update: number;
  /** Megabytes after a garbage collection: the whole process; V8's heap; buffers of tensors. */
  readonly resident: number;
  readonly heap: number;
  readonly buffers: number;
}

const TINY = parseModelConfig(
  {
    model_type: 'llama',
    vocab_size: 40,
    hidden_size: 16,
    intermediate_size: 32,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    max_position_embeddings: 128,
    tie_word_embeddings: true,
  },
  'tiny',
);
const SIZES = { questions: 2, rationales: 4, prompt: 6, rationale: 24, answer: 3 };
/** About one token in ten ends a rationale. */
const ENDS = [5, 11, 17, 23];

/** @returns what the process holds every `every` updates, the first time after as many */
export async function memoryOver(updates: number, every: number): Promise<Held[]> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const model = benchModel(TINY, { device: 'cpu', threads: 1 });
  const optimizer = newOptimizer(model);
  const held: Held[] = [];
  for (let update = 1; update <= updates; update++) {
    await timedUpdate(model, optimizer, SIZES, update, 128, new Set(ENDS));
    if (update % every !== 0) continue;
    // Finalizers of tensors run between tasks.
    collect();
    await new Promise((resolve) => setTimeout(resolve, 5));
    collect();
    const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
    held.push({ update, resident: rss / 1e6, heap: heapUsed / 1e6, buffers: arrayBuffers / 1e6 });
  }
  await model.dispose();
  return held;
}

/** Kilobytes per update. */
export interface Growth {
  readonly resident: number;
  readonly heap: number;
  readonly buffers: number;
}

/** What an update may leave behind: three times and more what was measured over 400 of them (0 to 9, 0.9 and 0). */
export const LARGEST_GROWTH: Growth = { resident: 40, heap: 3, buffers: 0.5 };

/**
 * The median slope between any two times: one arena more that the runtime takes, once, is no leak.
 * @param held without the first quarter, which fills caches and the runtime's arenas
 */
export function growthOf(held: readonly Held[]): Growth {
  const settled = held.slice(Math.floor(held.length / 4));
  const slope = (name: keyof Growth): number =>
    median(
      settled.flatMap((late, i) =>
        settled.slice(0, i).map((early) => (1000 * (late[name] - early[name])) / (late.update - early.update)),
      ),
    );
  return { resident: slope('resident'), heap: slope('heap'), buffers: slope('buffers') };
}

/** What grew by more than it may, in words. */
export function leaksOf(growth: Growth): string[] {
  const names = ['resident', 'heap', 'buffers'] as const;
  return names
    .filter((name) => growth[name] > LARGEST_GROWTH[name])
    .map((name) => `${name}: ${growth[name].toFixed(2)} kB per update, and ${LARGEST_GROWTH[name]} at the most`);
}

async function main(): Promise<void> {
  const at = process.argv.indexOf('--updates');
  const updates = at < 0 ? 2000 : Number(process.argv[at + 1]);
  // Fewer say nothing: the runtime's arenas still fill.
  if (!Number.isInteger(updates) || updates < 200) {
    console.error('--updates is a whole number of 200 or more');
    process.exitCode = 2;
    return;
  }
  const held = await memoryOver(updates, Math.floor(updates / 20));
  console.log('updates  resident MB  heap MB  buffers MB');
  for (const { update, resident, heap, buffers } of held) {
    const cells = [String(update).padStart(7), resident.toFixed(1).padStart(12), heap.toFixed(2).padStart(8)];
    console.log([...cells, buffers.toFixed(2).padStart(11)].join(' '));
  }
  const growth = growthOf(held);
  const grown = Object.entries(growth).map(([name, value]) => `${name} ${(value as number).toFixed(2)}`);
  console.log(`grown by, kB per update: ${grown.join(', ')}`);
  const leaks = leaksOf(growth);
  for (const leak of leaks) console.log(`✗ ${leak}`);
  if (leaks.length > 0) process.exitCode = 1;
}

if (import.meta.filename === process.argv[1]) await main();
