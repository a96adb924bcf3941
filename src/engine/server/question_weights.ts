/** Which weights a client means, and the settings questions are asked under: a run's own, or the preset's for a model as it is. */
import { join } from 'node:path';
import type { Weights } from '../../protocol/engine_rpc.ts';
import type { RunConfig } from '../../protocol/run_config.ts';
import { LatroError } from '../common/errors.ts';
import type { ProgramOptions } from '../model/programs.ts';
import type { CheckpointFolder } from '../runs/checkpoint.ts';
import { RunDirectory } from '../runs/run_directory.ts';
import type { DeviceList } from '../runtime/devices.ts';
import { ADAPTER_FOLDER, MODEL_FOLDER } from '../training/checkpoint_state.ts';
import { choosePrecision } from '../training/choose_precision.ts';
import { presetConfig } from './config_source.ts';
import type { PolicySource } from './policy_cache.ts';
import type { QuestionWorld } from './question_world.ts';

export interface QuestionWeights {
  readonly policy: PolicySource;
  /** π_0 of the KL share; null while the policy still is the reference. */
  readonly reference: Reference | null;
  /** Updates behind the weights. */
  readonly step: number;
  readonly run: RunDirectory | null;
  /** The run's settings; null for a model as it is. */
  readonly runConfig: RunConfig | null;
  /** The day the run began, which chat templates may show; null without a run. */
  readonly began: Date | null;
}

export interface Reference {
  readonly policy: PolicySource;
  /** Weights that are π_0 by themselves, for adapters that cannot be switched off; null: `policy` is. */
  readonly start: PolicySource | null;
}

const LONGEST_PROMPT = 128;

/** @throws LatroError `run-not-found`, `run-damaged` when the run has no such checkpoint */
export async function resolveWeights(
  { files, devices, threads }: Pick<QuestionWorld, 'files' | 'devices' | 'threads'>,
  weights: Weights,
): Promise<QuestionWeights> {
  if (weights.kind === 'run')
    return weightsOfRun(new RunDirectory(files, weights.runDirectory), weights.checkpoint, devices);
  const { model, adapter } = weights;
  const device = await devices.choose('auto');
  const precision = await choosePrecision(devices, device, { asked: 'auto', trains: 'nothing', model });
  const programs = { device, precision, threads };
  const policy = policySource(await presetConfig(model, 'auto'), model, adapter, programs);
  const reference = adapter === null ? null : { policy, start: { ...policy, adapter: null } };
  return { policy, reference, step: 0, run: null, runConfig: null, began: null };
}

async function weightsOfRun(run: RunDirectory, checkpoint: string, devices: DeviceList): Promise<QuestionWeights> {
  const { config, createdAt, identity } = await run.record();
  const step = checkpoint === 'base' ? 0 : Number(checkpoint.slice('step-'.length));
  const { precision: asked, model, trainable } = config;
  // A precision asked for by name is one of the device that the run was on, whatever else is fast by now.
  const named = asked === 'int8' || asked === 'float16';
  const before = devices.backends.find((backend) => backend.device === identity.device)?.device;
  const device = await devices.choose(named && config.device === 'auto' ? (before ?? 'auto') : config.device);
  const trains = trainable.kind === 'full' ? 'all-weights' : 'some';
  const precision = await choosePrecision(devices, device, { asked, trains, model }, identity.precision ?? null);
  const programs = { device, precision, threads: config.threads };
  const startAdapter = config.adapter ?? null;
  const start = policySource(config, config.model, startAdapter, programs);
  const common = { step, run, runConfig: config, began: new Date(createdAt) };
  if (step === 0) {
    const bare = { ...start, adapter: null };
    return { ...common, policy: start, reference: startAdapter === null ? null : { policy: start, start: bare } };
  }
  const directory = run.checkpoints.directory(step);
  const verify = () => verifyCheckpoint(run.checkpoints, step);
  if (config.trainable.kind === 'lora') {
    const policy = { ...policySource(config, config.model, join(directory, ADAPTER_FOLDER), programs), verify };
    return { ...common, policy, reference: { policy, start } };
  }
  const policy = { ...policySource(config, join(directory, MODEL_FOLDER), startAdapter, programs), verify };
  const base = policySource(config, config.model, null, programs);
  return { ...common, policy, reference: { policy: base, start: null } };
}

function policySource(
  { sampling, evaluation, strategies, seed }: Pick<RunConfig, 'sampling' | 'evaluation' | 'strategies' | 'seed'>,
  model: string,
  adapter: string | null,
  programs: ProgramOptions,
): PolicySource {
  const sequenceLength = Math.max(sampling.maxRationaleTokens, evaluation.maxTokens) + LONGEST_PROMPT;
  const tags = strategies.count === 0 ? {} : { strategies: { ...strategies, seed } };
  return { model, adapter, programs, sequenceLength, ...tags };
}

async function verifyCheckpoint(checkpoints: CheckpointFolder, step: number): Promise<void> {
  const found = await checkpoints.verify(step);
  if (found !== null && !('reason' in found)) return;
  const others = (await checkpoints.steps()).filter((other) => other !== step);
  throw new LatroError(
    'run-damaged',
    found === null
      ? `There is no checkpoint of update ${step} in ${checkpoints.path}.`
      : `The checkpoint ${checkpoints.directory(step)} is damaged: ${found.reason}.`,
    others.length === 0
      ? 'The run has no other checkpoint.'
      : `Choose one of update ${others.join(', ')}, or the base.`,
  );
}

/** The settings questions of this format are asked under. */
export async function settingsFor(
  { runConfig, policy }: QuestionWeights,
  format: RunConfig['dataset']['format'],
): Promise<RunConfig> {
  return runConfig ?? presetConfig(policy.model, format);
}
