/**
 * `latro.json`: everything a run is made of. The schema the editor uses for completion and hovers (`media/latro.schema.json`) is
 * generated from here by `scripts/build_schema.ts`, with the defaults of `run_presets.ts`.
 * `RunConfigInput` is what a person writes (nearly everything may be left out); `RunConfig` is what the engine runs (nothing is).
 */
import * as v from 'valibot';
import * as fields from './run_config_fields.ts';
import * as forking from './run_config_strategies.ts';

const section = <const E extends v.ObjectEntries>(entries: E, description: string) =>
  v.optional(v.pipe(v.partial(v.strictObject(entries)), v.description(description)));

/** What a person writes. Anything left out is filled in from the preset. */
export const RunConfigInput = v.strictObject({
  $schema: v.optional(v.string()),
  method: v.optional(fields.Method),
  preset: v.optional(fields.PresetName),
  ...fields.required,
  dataset: v.pipe(
    v.strictObject({ ...fields.datasetFiles, ...v.partial(v.strictObject(fields.dataset)).entries }),
    v.description('Questions and answers.'),
  ),
  templates: section(fields.templates, 'How prompt, rationale and answer are joined.'),
  trainable: v.optional(
    v.pipe(
      v.variant('kind', [
        v.strictObject({ kind: fields.loraKind, ...v.partial(v.strictObject(fields.lora)).entries }),
        v.strictObject({ kind: fields.fullKind }),
      ]),
      v.description('What is trained.'),
    ),
  ),
  sampling: section(fields.sampling, 'Parameters that control how rationales are sampled.'),
  reward: section(fields.reward, 'Parameters that control the self-reward and the advantage.'),
  sftWeight: v.optional(fields.sftWeight),
  sft: section(fields.sft, 'Parameters of method sft.'),
  strategies: section(
    forking.strategies,
    'Reasoning strategies: control tokens that open a rationale, each another way of reasoning.',
  ),
  ssft: section(forking.ssft, 'Parameters of method ssft.'),
  gfpo: section(forking.gfpo, 'Parameters of method gfpo.'),
  stages: v.optional(forking.stages),
  ratings: section(fields.ratings, "How people's ratings of rationales enter training."),
  optimizer: section(fields.optimizer, 'Parameters that control AdamW.'),
  ...v.partial(v.strictObject(fields.top)).entries,
  evaluation: section(fields.evaluation, 'Parameters that control evaluation.'),
  checkpoints: section(fields.checkpoints, 'When to save and what to keep.'),
  health: section(fields.health, 'What may stop a run that goes wrong.'),
});
export type RunConfigInput = v.InferOutput<typeof RunConfigInput>;

/** What the engine runs: every setting present. Stored in `run.json`. */
export const RunConfig = v.strictObject({
  method: fields.Method,
  preset: fields.PresetName,
  ...fields.required,
  dataset: v.strictObject({ ...fields.datasetFiles, ...fields.dataset }),
  templates: v.strictObject(fields.templates),
  trainable: v.variant('kind', [
    v.strictObject({ kind: fields.loraKind, ...fields.lora }),
    v.strictObject({ kind: fields.fullKind }),
  ]),
  sampling: v.strictObject(fields.sampling),
  reward: v.strictObject(fields.reward),
  sftWeight: fields.sftWeight,
  sft: v.strictObject(fields.sft),
  strategies: v.optional(v.strictObject(forking.strategies), forking.STRATEGIES_DEFAULTS),
  ssft: v.optional(v.strictObject(forking.ssft), forking.SSFT_DEFAULTS),
  gfpo: v.optional(v.strictObject(forking.gfpo), forking.GFPO_DEFAULTS),
  stages: v.optional(forking.stages, []),
  ratings: v.strictObject(fields.ratings),
  optimizer: v.strictObject(fields.optimizer),
  ...fields.top,
  // Runs from before there was a choice.
  precision: v.optional(fields.top.precision, 'float32'),
  evaluation: v.strictObject(fields.evaluation),
  checkpoints: v.strictObject(fields.checkpoints),
  health: v.strictObject(fields.health),
});
export type RunConfig = v.InferOutput<typeof RunConfig>;
export type LoraSettings = Extract<RunConfig['trainable'], { kind: 'lora' }>;
