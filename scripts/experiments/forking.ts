/**
 * `npm run experiment:forking`: reasoning strategies on the starter's third task, which has three sound ways, each with a blind spot of
 * its own. SSFT, its two controls, and what GFPO and LaTRO add; 3 seeds. `-- SEED…` runs only those seeds and reports once all are there.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Experiment, runExperiment } from './experiment.ts';
import { writeForkingResults } from './forking_report.ts';
import { collectTraces } from './forking_traces.ts';

const media = fileURLToPath(new URL('../../media/', import.meta.url));
const TRACES = '.latro/experiments/forking/traces.jsonl';
const SEEDS = [1, 2, 3];
/** Samples per training question that traces are chosen from. */
const CANDIDATES = 4;

const questions = {
  train: `${media}starter-forking/train.jsonl`,
  validation: `${media}starter-forking/validation.jsonl`,
  test: `${media}starter-forking/test.jsonl`,
  format: 'starter',
};
const config = {
  model: `${media}starter`,
  dataset: questions,
  trainable: { kind: 'full' },
  // One learned row per tag: spelled with ordinary tokens, a tag is so foreign to a model this small that it first unlearns the task.
  strategies: { count: 3, carrier: 'embedding', tag: '<think{n}>' },
  // The ways differ in how they begin; what follows are sums.
  ssft: { traces: 3, prefixTokens: 5 },
  sampling: { rationalesPerQuestion: 6, maxRationaleTokens: 50 },
  reward: { klCoefficient: 0 },
  questionsPerStep: 8,
  tokenBudget: 4096,
  evaluation: { every: null, k: 3, temperature: 1, maxTokens: 60, questions: 192 },
  checkpoints: { every: 200, keep: 2 },
};
const taught = { dataset: { ...questions, train: TRACES } };
const tuning = (matching: string) => ({
  ...taught,
  method: 'ssft',
  ssft: { matching },
  steps: 120,
  optimizer: { learningRate: 1e-3, schedule: 'linear', warmupSteps: 5, beta2: 0.98 },
});
const gfpo = {
  method: 'gfpo',
  gfpo: { form: 'exact', reward: 'self-reward' },
  steps: 12,
  questionsPerStep: 16,
  optimizer: { learningRate: 1e-4, schedule: 'constant' },
};
const latro = { method: 'latro', steps: 24, optimizer: { learningRate: 1e-4, schedule: 'constant' } };

const asked = process.argv.slice(2).map(Number);
const experiment: Experiment = {
  name: 'forking',
  title: 'Reasoning strategies: SSFT, GFPO and LaTRO on the starter',
  config,
  seeds: asked.length > 0 ? asked : SEEDS,
  methods: [
    { name: 'mixed', overrides: tuning('mixed') },
    { name: 'random', overrides: tuning('random') },
    { name: 'ssft', overrides: tuning('matched') },
    { name: 'ssft+gfpo', overrides: gfpo, after: 'ssft' },
    { name: 'ssft+latro', overrides: latro, after: 'ssft' },
    { name: 'ssft+latro+gfpo', overrides: gfpo, after: 'ssft+latro' },
  ],
  comparisons: [
    ['ssft', 'random'],
    ['random', 'mixed'],
    ['ssft', 'mixed'],
    ['ssft+gfpo', 'ssft'],
    ['ssft+latro+gfpo', 'ssft+latro'],
    ['ssft+latro+gfpo', 'ssft+gfpo'],
  ],
  notes: [
    'mixed, random and ssft start from the starter and learn the same traces, with the same updates and optimiser; the others go on from the weights their name begins with, on all training questions, answers only.',
    'Traces hold right answers only, so learning them by any of the three methods also teaches the starter to finish where it used to stop early.',
    'Nothing was chosen on the test questions; settings were tried out on training questions that were left out of the traces then.',
  ],
};

if (!existsSync(TRACES)) console.error('collecting traces');
await collectTraces(config, TRACES, CANDIDATES);
const results = await runExperiment(experiment);
if (SEEDS.every((seed) => experiment.seeds.includes(seed))) writeForkingResults(results, TRACES);
else console.error(`Seeds ${experiment.seeds.join(', ')} are done; without arguments all seeds are run and reported.`);
