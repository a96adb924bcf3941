/**
 * Loaded models for interactive work, so that the second question under the same weights does not load them again: the two used last,
 * or one when it is big. A training run has a policy of its own.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readModelConfig } from '../model/config.ts';
import { DECODE_ROWS } from '../model/generate.ts';
import { estimateMemory } from '../model/memory_estimate.ts';
import type { ProgramOptions } from '../model/programs.ts';
import { Policy, type PolicyRequest } from '../training/policy.ts';

/** Which weights, on which device. */
export interface PolicySource {
  readonly model: string;
  /** PEFT adapter folder. */
  readonly adapter: string | null;
  readonly programs: ProgramOptions;
  /** Reasoning strategies of the run the weights are of. */
  readonly strategies?: PolicyRequest['strategies'];
  /** Longest sequence it will be asked for: what the memory check counts with. */
  readonly sequenceLength: number;
  /** Awaited before anything is loaded; throws when the files are not to be trusted. */
  readonly verify?: () => Promise<void>;
}

export interface PolicyCacheLimits {
  readonly policies: number;
  /** Of weights in memory, together. */
  readonly bytes: number;
}

interface Entry {
  readonly policy: Policy;
  readonly bytes: number;
  users: number;
}

const LIMITS: PolicyCacheLimits = { policies: 2, bytes: 2 ** 30 };

export class PolicyCache {
  readonly #limits: PolicyCacheLimits;
  /** The one used last is last. */
  readonly #entries = new Map<string, Entry>();

  constructor(limits: PolicyCacheLimits = LIMITS) {
    this.#limits = limits;
  }

  /** Lends the policy to `work`; until that ends it is not disposed. Errors: those of loading it, and of `work`. */
  async use<T>(source: PolicySource, work: (policy: Policy) => Promise<T>): Promise<T> {
    const key = await keyOf(source);
    const entry = this.#entries.get(key) ?? (await this.#load(source));
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    entry.users++;
    try {
      return await work(entry.policy);
    } finally {
      entry.users--;
      await this.#makeRoom(0, 0);
    }
  }

  async #load(source: PolicySource): Promise<Entry> {
    await source.verify?.();
    const { model, adapter, programs, sequenceLength, strategies } = source;
    const size = { batchSize: DECODE_ROWS, sequenceLength, stepTokens: 0, lora: null };
    const config = await readModelConfig(model);
    const { weights } = estimateMemory(config, { mode: 'inference', format: programs.precision ?? 'float32', ...size });
    await this.#makeRoom(1, weights);
    const mode = { kind: 'frozen' } as const;
    const policy = await Policy.open({
      model,
      adapter,
      mode,
      programs,
      strategies,
      rows: DECODE_ROWS,
      sequenceLength,
      tokenBudget: 0,
    });
    return { policy, bytes: weights, users: 0 };
  }

  /** Disposes policies nobody uses, the one used longest ago first, until the limits hold with so many more. */
  async #makeRoom(policies: number, bytes: number): Promise<void> {
    const held = () => [...this.#entries.values()].reduce((sum, entry) => sum + entry.bytes, bytes);
    for (const [key, entry] of [...this.#entries]) {
      const fits = this.#entries.size + policies <= this.#limits.policies && held() <= this.#limits.bytes;
      if (fits || this.#entries.size + policies <= 1) return;
      if (entry.users > 0) continue;
      this.#entries.delete(key);
      await entry.policy.dispose();
    }
  }

  /** How many are loaded. */
  get size(): number {
    return this.#entries.size;
  }

  async dispose(): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    for (const { policy } of entries) await policy.dispose();
  }
}

/** Names, sizes and times of all files: a folder that was written anew is another model. */
async function keyOf({ model, adapter, programs, strategies }: PolicySource): Promise<string> {
  const folders = adapter === null ? [model] : [model, adapter];
  return JSON.stringify([
    programs.device,
    programs.precision ?? 'float32',
    programs.threads,
    strategies ?? null,
    ...(await Promise.all(folders.map(fingerprint))),
  ]);
}

async function fingerprint(folder: string): Promise<readonly unknown[]> {
  // A folder that is not there has no files; opening it says what is wrong.
  const names = await readdir(folder).catch(() => []);
  const files = await Promise.all(
    names.sort().map(async (name) => {
      const { size, mtimeMs } = await stat(join(folder, name));
      return [name, size, mtimeMs];
    }),
  );
  return [folder, files];
}
