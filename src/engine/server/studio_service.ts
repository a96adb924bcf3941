/** The engine itself: models, training runs, evaluations and questions about single rows, for whoever asks. */
import { dirname, join } from 'node:path';
import type { ModelDescription, PromptPreview, RequestParams, RequestResult } from '../../protocol/engine_rpc.ts';
import type { QuestionRollout, RationaleRecord } from '../../protocol/records.ts';
import { throwIfCancelled } from '../common/errors.ts';
import { RunDirectory } from '../runs/run_directory.ts';
import { RunStore } from '../runs/run_store.ts';
import type { World } from '../runs/run_writer.ts';
import type { DeviceList } from '../runtime/devices.ts';
import { chooseEnvironment } from '../training/environment.ts';
import { exportRun } from '../training/export_run.ts';
import { TrainingRun } from '../training/training_run.ts';
import { openConfig } from './config_source.ts';
import { describeModel } from './describe_model.ts';
import type { EngineService, JobContext, StartedRun } from './engine_service.ts';
import { evaluate } from './evaluate_job.ts';
import { PolicyCache } from './policy_cache.ts';
import { previewPrompt } from './preview_prompt.ts';
import { type HubEnvironment, pullJob } from './pull_job.ts';
import type { QuestionWorld } from './question_world.ts';
import { runObserver, startRun, tellMemory } from './run_job.ts';
import { sampleQuestion } from './sample_question.ts';
import { scoreRationale } from './score_rationale.ts';
import { tracePrefixes } from './trace_prefixes.ts';

export interface StudioOptions {
  readonly world: World;
  readonly devices: DeviceList;
  /** Folder whose `.latro/evaluations` receives evaluations of models that belong to no run. */
  readonly workspace: string;
  /** CPU threads for models without a run; 0: one per core. */
  readonly threads: number;
  readonly environment: HubEnvironment;
  readonly log: (message: string) => void;
}

export class StudioService implements EngineService {
  readonly #options: StudioOptions;
  readonly #policies = new PolicyCache();

  constructor(options: StudioOptions) {
    this.#options = options;
  }

  describeModel({ model }: RequestParams<'describeModel'>): Promise<ModelDescription> {
    return describeModel(model);
  }

  previewPrompt(params: RequestParams<'previewPrompt'>): Promise<PromptPreview> {
    return previewPrompt(params, this.#questions);
  }

  async train(params: RequestParams<'train'>, context: JobContext): Promise<StartedRun> {
    const { world, devices, log } = this.#options;
    const config = await openConfig(world.files, params);
    throwIfCancelled(context.signal);
    const environment = await chooseEnvironment(devices, config);
    await tellMemory(config, environment, context);
    const store = new RunStore(world, config.outputDirectory);
    const run = await TrainingRun.create(world, store, config, environment);
    return startRun(run, runObserver(context, world.clock, log));
  }

  async resume({ runDirectory }: RequestParams<'resume'>, context: JobContext): Promise<StartedRun> {
    const { world, devices, log } = this.#options;
    const { config, identity } = await new RunDirectory(world.files, runDirectory).record();
    throwIfCancelled(context.signal);
    const environment = await chooseEnvironment(devices, config, identity);
    await tellMemory(config, environment, context);
    const store = new RunStore(world, dirname(runDirectory));
    const observer = runObserver(context, world.clock, log);
    const run = await TrainingRun.resume(world, store, runDirectory, environment, observer);
    return startRun(run, observer);
  }

  evaluate(params: RequestParams<'evaluate'>, context: JobContext): Promise<RequestResult<'evaluate'>> {
    return evaluate(params, context, this.#questions, join(this.#options.workspace, '.latro', 'evaluations'));
  }

  sampleQuestion(params: RequestParams<'sampleQuestion'>, context: JobContext): Promise<QuestionRollout> {
    return sampleQuestion(params, context, this.#questions);
  }

  scoreRationale(params: RequestParams<'scoreRationale'>, context: JobContext): Promise<RationaleRecord> {
    return scoreRationale(params, context, this.#questions);
  }

  tracePrefixes(params: RequestParams<'tracePrefixes'>, context: JobContext): Promise<RequestResult<'tracePrefixes'>> {
    return tracePrefixes(params, context, this.#questions);
  }

  async rollBack({ runDirectory, step }: RequestParams<'rollBack'>): Promise<RequestResult<'rollBack'>> {
    const { world } = this.#options;
    const writer = await new RunStore(world, dirname(runDirectory)).open(runDirectory);
    try {
      await writer.rollBack(step);
    } catch (error) {
      await writer.release();
      throw error;
    }
    await writer.close('stopped', `Rolled back to update ${step}; it can be resumed.`);
    return { step };
  }

  exportRun({ runDirectory, to, out, checkpoint }: RequestParams<'exportRun'>): Promise<RequestResult<'exportRun'>> {
    const run = new RunDirectory(this.#options.world.files, runDirectory);
    return exportRun(run, to, out, checkpoint ?? undefined);
  }

  pull(params: RequestParams<'pull'>, context: JobContext): Promise<RequestResult<'pull'>> {
    return pullJob(params, context, this.#options.world, this.#options.environment);
  }

  dispose(): Promise<void> {
    return this.#policies.dispose();
  }

  get #questions(): QuestionWorld {
    const { world, threads, devices } = this.#options;
    return { files: world.files, clock: world.clock, policies: this.#policies, devices, threads };
  }
}
