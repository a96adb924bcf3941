/** `memory_child MODEL inference|lora|full`: samples, scores and, unless for inference, trains; prints the estimate beside the real peak. */

import { generate } from '../../src/engine/model/generate.ts';
import { type PromptGroup, predictTokens } from '../../src/engine/model/packing.ts';
import { AdamW } from '../../src/engine/optimize/adamw.ts';
import { Policy, type PolicyMode, policyMemory } from '../../src/engine/training/policy.ts';

const PROMPT = 128;
const RATIONALE = 64;
const ROWS = 64;
const PROMPTS = 8;
// Two prompts with all their rationales: a micro-batch that fills its budget.
const TOKEN_BUDGET = 2 * (PROMPT + (ROWS / PROMPTS) * RATIONALE);

const [model, kind] = process.argv.slice(2) as [string, 'inference' | 'lora' | 'full'];
const lora = { rank: 16, alpha: 32, dropout: 0, targetModules: ['all-linear'], useRslora: false, baseModel: null };
const modes: Readonly<Record<typeof kind, PolicyMode>> = {
  inference: { kind: 'frozen' },
  lora: { kind: 'lora', lora, seed: 1 },
  full: { kind: 'full' },
};
const request = {
  model,
  adapter: null,
  mode: modes[kind],
  programs: { device: 'cpu', threads: 1 },
  rows: ROWS,
  sequenceLength: PROMPT + RATIONALE,
  tokenBudget: kind === 'inference' ? 0 : TOKEN_BUDGET,
} as const;

const ids = (length: number, seed: number): number[] => Array.from({ length }, (_, i) => 3 + ((7 * i + seed) % 200));
const group = (seed: number): PromptGroup => ({
  prompt: ids(PROMPT, seed),
  continuations: Array.from({ length: ROWS / PROMPTS }, (_, k) => {
    const rationale = ids(RATIONALE, seed + k);
    return { ids: rationale, predictions: predictTokens(rationale) };
  }),
});

const SAMPLING = {
  temperature: 1,
  topP: 1,
  topK: 0,
  maxTokens: RATIONALE,
  maxAnswerTokens: 0,
  stopTokenIds: new Set<number>(),
  maxRows: ROWS,
};

async function main(): Promise<void> {
  const policy = await Policy.open(request);
  const estimate = policyMemory(policy.config, request, kind === 'lora' ? lora : null);
  // An evaluation asks a question per row, a training step several times the same.
  for (const questions of kind === 'inference' ? [ROWS] : [ROWS, PROMPTS]) {
    await generate(
      policy.model,
      Array.from({ length: questions }, (_, i) => ({
        prompt: ids(PROMPT, i),
        keys: ids(ROWS / questions, i),
        answer: ids(8, i),
      })),
      SAMPLING,
      () => ({ push: () => null }),
    );
  }
  const groups = [1, 2].map(group);
  await policy.model.score(groups);
  if (kind !== 'inference') {
    const optimizer = new AdamW({ beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 });
    for (let update = 0; update < 2; update++) {
      const { gradients } = await policy.model.step(groups, { tokenBudget: TOKEN_BUDGET });
      optimizer.update(policy.model.parameters, gradients, 1e-5);
    }
  }
  // In kB, whatever the system counts in.
  const peak = process.resourceUsage().maxRSS * 1024;
  process.stdout.write(JSON.stringify({ estimate, peak }));
  await policy.dispose();
}

void main();
