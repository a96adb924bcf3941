/** `npm run experiment:starter`: base, SFT, rejection sampling, GRPO and LaTRO on the starter; 3 seeds. */
import { fileURLToPath } from 'node:url';
import { readConfig, runExperiment } from './experiment.ts';
import { writeResults } from './report.ts';

const config = readConfig(fileURLToPath(new URL('../../media/starter/latro.json', import.meta.url)));

const results = await runExperiment({
  name: 'starter',
  title: 'Starter: LaTRO and its baselines',
  config: { ...config, evaluation: { ...(config.evaluation as object), k: 8 } },
  seeds: [1, 2, 3],
  methods: [
    { name: 'sft', overrides: { method: 'sft', sft: { target: 'answer' }, reward: { klCoefficient: 0 } } },
    { name: 'rejection-sampling', overrides: { method: 'rejection-sampling' } },
    { name: 'grpo', overrides: { method: 'grpo' } },
    { name: 'latro', overrides: { method: 'latro' } },
  ],
  comparisons: [
    ['latro', 'base'],
    ['latro', 'sft'],
    ['latro', 'rejection-sampling'],
    ['latro', 'grpo'],
  ],
  notes: [
    'Every method starts from the same starter, sees the same training questions in the same order, does the same number of updates with the same optimiser and keeps the checkpoint that was best on the validation questions.',
    'The dataset has questions and answers only. SFT therefore learns answers without rationales; rejection sampling and GRPO use a verifier that compares the stated answer, LaTRO uses none.',
  ],
});

writeResults('starter', 'Starter: LaTRO and its baselines', [results]);
