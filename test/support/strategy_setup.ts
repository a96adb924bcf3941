/** A tiny policy with reasoning strategies and questions with several traces: what tests of their methods start from. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { RandomStream } from '../../src/engine/common/random.ts';
import type { DatasetRow } from '../../src/engine/datasets/row.ts';
import {
  INITIAL_METHOD_STATE,
  type Method,
  type MethodContext,
  type MethodUpdate,
} from '../../src/engine/training/methods/method.ts';
import { traceSources } from '../../src/engine/training/methods/traces.ts';
import type { Policy } from '../../src/engine/training/policy.ts';
import { setUpRun } from '../../src/engine/training/run_setup.ts';
import type { RunConfig } from '../../src/protocol/run_config.ts';
import { tinyRunConfig, writeTinyProject } from './tiny_run.ts';

export const TAGS = { count: 3, tag: 'way {n}\n' } as const;

/** A tiny project whose training rows, in `traces.jsonl`, have three traces each under sources a, b and c. */
export async function writeStrategyProject(folder: string): Promise<void> {
  await writeTinyProject(folder);
  const rows = Array.from({ length: 9 }, (_, i) => {
    const [a, b] = [i % 7, (3 * i) % 11];
    const rationales = { a: `${a}, then ${b}`, b: `from ${b} on to ${a}`, c: `both at once: ${b} ${a}` };
    return `${JSON.stringify({ question: `what is ${a} + ${b} in row ${i}?`, answer: String(a + b), rationales })}\n`;
  });
  await writeFile(join(folder, 'traces.jsonl'), rows.join(''));
}

export function strategyConfig(folder: string, changes: Parameters<typeof tinyRunConfig>[1] = {}): RunConfig {
  return tinyRunConfig(folder, {
    dataset: { train: 'traces.jsonl', holdOutFraction: 0 },
    strategies: TAGS,
    sampling: { rationalesPerQuestion: 6, maxRationaleTokens: 8, minRationaleTokens: 0 },
    ...changes,
  });
}

export interface StrategySetup {
  readonly policy: Policy;
  readonly context: MethodContext;
  readonly rows: readonly DatasetRow[];
  /** One update's sequences and weights on the first rows. */
  readonly update: (
    method: Method,
    changes?: Partial<MethodContext>,
    rows?: readonly DatasetRow[],
  ) => Promise<MethodUpdate>;
}

/** Opens model and dataset; the adapter already changes the model, so that every parameter has a gradient and π is not π_0. */
export async function openStrategies(config: RunConfig): Promise<StrategySetup> {
  const { policy, task, questions } = await setUpRun(
    config,
    { device: 'cpu', precision: 'float32' },
    new NodeFileSystem(),
    new Date(0),
  );
  const random = new RandomStream(7);
  for (const [name, { data }] of policy.adapter?.tensors ?? [])
    if (name.includes('lora_B')) for (let i = 0; i < data.length; i++) data[i] = 0.3 * random.nextNormal();
  const rows = questions.train;
  const context = { policy, task, config, ratings: null, generateOptions: {}, traceSources: traceSources(rows) };
  const update: StrategySetup['update'] = (method, changes = {}, asked = rows.slice(0, 2)) => {
    const encoded = asked.map((row) => task.encoder.encode(row, 12));
    return method({ ...context, ...changes }, { step: 2, questions: encoded, state: INITIAL_METHOD_STATE });
  };
  return { policy, context, rows, update };
}

/** The same policy with its tags in another order. */
export function withTags(policy: Policy, order: readonly number[]): Policy {
  const tags = policy.tags!;
  const value = { ...tags, ids: order.map((tag) => tags.ids[tag]!), texts: order.map((tag) => tags.texts[tag]!) };
  return Object.create(policy, { tags: { value } }) as Policy;
}

/** All gradients in one row, so that two updates can be compared. */
export async function gradientOf(policy: Policy, { groups }: MethodUpdate): Promise<Float32Array> {
  const { gradients } = await policy.model.step(groups);
  const parts = [...policy.model.parameters.keys()].map((name) => [...(gradients.get(name) ?? [])]);
  return Float32Array.from(parts.flat());
}
