/**
 * What the engine does when asked, one method per computing request of `protocol/engine_rpc.ts`. The server around it owns sockets,
 * clients and the job queue; a service owns models and runs, and knows nothing of who asks. Parameters arrive validated.
 */
import type {
  JobProgress,
  ModelDescription,
  PromptPreview,
  RequestParams,
  RequestResult,
} from '../../protocol/engine_rpc.ts';
import type { RunEvent } from '../../protocol/records.ts';

/** What a job may tell and must heed. */
export interface JobContext {
  readonly jobId: string;
  /** Aborted when the job is to stop. A run saves a checkpoint first; then, as everything else, it throws `Cancelled`. */
  readonly signal: AbortSignal;
  /** Shows how far the job is; call it as often as it is worth a message (the server does not thin it out). */
  progress(progress: JobProgress): void;
  /** Tells the clients what was just appended to the run's `events.jsonl`. */
  onEvent(event: RunEvent): void;
  /**
   * To be awaited by background jobs between two updates or questions, where no session is running: lets the process read its sockets
   * and lets waiting interactive jobs compute. Throws `Cancelled` when the job was stopped.
   */
  letInteractiveRun(): Promise<void>;
  /**
   * The same where the job can pause: when it is asked to, `save` is awaited (it writes what is done), and others compute until the job
   * is continued. Resolves with whether it paused.
   */
  pauseIfAsked(save: () => Promise<void>): Promise<boolean>;
}

export interface StartedRun {
  readonly runId: string;
  readonly runDirectory: string;
  /** Settles when the run ends; rejects with `Cancelled` when it was stopped. */
  readonly finished: Promise<void>;
}

export interface EngineService {
  describeModel(params: RequestParams<'describeModel'>, context: JobContext): Promise<ModelDescription>;
  previewPrompt(params: RequestParams<'previewPrompt'>, context: JobContext): Promise<PromptPreview>;
  /** Resolves once the run directory exists; rejects, having written nothing, when the config, model or dataset is at fault. */
  train(params: RequestParams<'train'>, context: JobContext): Promise<StartedRun>;
  resume(params: RequestParams<'resume'>, context: JobContext): Promise<StartedRun>;
  evaluate(params: RequestParams<'evaluate'>, context: JobContext): Promise<RequestResult<'evaluate'>>;
  sampleQuestion(
    params: RequestParams<'sampleQuestion'>,
    context: JobContext,
  ): Promise<RequestResult<'sampleQuestion'>>;
  scoreRationale(
    params: RequestParams<'scoreRationale'>,
    context: JobContext,
  ): Promise<RequestResult<'scoreRationale'>>;
  tracePrefixes(params: RequestParams<'tracePrefixes'>, context: JobContext): Promise<RequestResult<'tracePrefixes'>>;
  /** Takes a run that nobody writes back to a checkpoint it kept; rejects, having changed nothing, when there is none of that step. */
  rollBack(params: RequestParams<'rollBack'>, context: JobContext): Promise<RequestResult<'rollBack'>>;
  /** Writes a run's result to a new folder, whole or not at all. */
  exportRun(params: RequestParams<'exportRun'>, context: JobContext): Promise<RequestResult<'exportRun'>>;
  /** The only request that uses the network. */
  pull(params: RequestParams<'pull'>, context: JobContext): Promise<RequestResult<'pull'>>;
  /** Frees models and devices; called once, when no job is left. */
  dispose(): Promise<void>;
}
