/** What the side panel asks of the engine for a question: sample, score what was edited, trace. One at a time; a new one ends the last. */
import { randomUUID } from 'node:crypto';
import type { PanelFailure } from '../../protocol/panel_messages.ts';
import type { PanelActivity, RationaleIntent, SamplingSettings, Unscored } from '../../protocol/rationale_messages.ts';
import type { EngineClient } from '../engine/engine_client.ts';
import type { EngineSupervisor } from '../engine/engine_supervisor.ts';
import type { Reporter } from '../reporter.ts';
import { settingsAlike } from './before_after.ts';
import { type Question, type QuestionSource, referenceTo } from './question_source.ts';
import { beganAs, chooseCurrent, isAtHand, setOfSamples, weightsAtHand, withEdited } from './rationale_sets.ts';

export interface RationaleJobsServices {
  readonly engine: Pick<EngineSupervisor, 'client' | 'jobs'>;
  readonly reporter: Pick<Reporter, 'describe'>;
  readonly source: QuestionSource;
  /** Something is to be shown anew. */
  readonly onChanged: () => void;
}

type Outcome<T> =
  | { readonly type: 'done'; readonly value: T }
  | { readonly type: 'failed'; readonly failure: PanelFailure }
  | { readonly type: 'cancelled' };

export type EditedText = Pick<
  Extract<RationaleIntent, { type: 'score-edited' }>,
  'checkpoint' | 'weights' | 'rationale' | 'text' | 'edited'
>;

export class RationaleJobs {
  readonly #services: RationaleJobsServices;
  #work:
    | { readonly rowKey: string; readonly activity: PanelActivity; readonly controller: AbortController }
    | undefined;
  #failure: { readonly rowKey: string; readonly failure: PanelFailure } | undefined;
  /** By row: a person comes back to what they wrote. */
  readonly #unscored = new Map<string, Unscored>();

  constructor(services: RationaleJobsServices) {
    this.#services = services;
  }

  /** What is being computed for this row. */
  activity(rowKey: string): PanelActivity | null {
    return this.#work?.rowKey === rowKey ? this.#work.activity : null;
  }

  /** Why the last thing asked for this row came to nothing. */
  failure(rowKey: string): PanelFailure | null {
    return this.#failure?.rowKey === rowKey ? this.#failure.failure : null;
  }

  /** The last text of a person for this row that came to nothing. */
  unscored(rowKey: string): Unscored | null {
    return this.#unscored.get(rowKey) ?? null;
  }

  cancel(): void {
    this.#work?.controller.abort();
  }

  /** Undefined when it came to nothing; otherwise the weights that were asked: those nearest to `checkpoint` that are on disk. */
  async sample(
    question: Question,
    checkpoint: string,
    settings: SamplingSettings & { readonly randomStep?: number },
  ): Promise<string | undefined> {
    const { source } = this.#services;
    const activity = { what: 'sampling', done: 0, total: settings.k } as const;
    const outcome = await this.#compute(question, activity, async (client, jobId, signal) => {
      const known = await source.known(question);
      const asked = weightsAtHand(checkpoint, known.checkpointSteps);
      const weights = source.weights(known.run, asked);
      const request = { jobId, weights, row: referenceTo(question), maxTokens: null, ...settings };
      const rollout = await client.request('sampleQuestion', request, signal);
      const shown = await source.markedSet(question, asked);
      await source.addSet(question, known.run, setOfSamples(rollout, asked, settings.temperature, shown));
      return asked;
    });
    return outcome.type === 'done' ? outcome.value : undefined;
  }

  /**
   * As what is shown was sampled, so that rationales pair by their number. 'not-kept': only these very weights would do, and they are
   * not on disk; 'nothing': they are those shown, or it came to nothing.
   */
  async sampleAlike(
    question: Question,
    checkpoint: string,
    shown: string | undefined,
    defaults: SamplingSettings,
  ): Promise<'sampled' | 'not-kept' | 'nothing'> {
    const { sampled, set, checkpointSteps } = await this.#services.source.known(question);
    const current = chooseCurrent(sampled, shown);
    if (checkpoint === current) return 'nothing';
    if (!isAtHand(checkpoint, checkpointSteps)) return 'not-kept';
    const settings = settingsAlike(current === undefined ? undefined : await set(current), defaults);
    return (await this.sample(question, checkpoint, settings)) === undefined ? 'nothing' : 'sampled';
  }

  /** By the run that the question names, if it names one. Returns whether it was scored. */
  async scoreEdited(
    question: Question,
    { checkpoint, weights, rationale, text, edited }: EditedText,
  ): Promise<boolean> {
    const { source } = this.#services;
    const { rowKey } = question.row;
    this.#unscored.delete(rowKey);
    const activity = { what: 'scoring', done: 0, total: 1, edited } as const;
    const outcome = await this.#compute(question, activity, async (client, jobId, signal) => {
      const known = await source.known(question);
      const { run, checkpointSteps } = known;
      const isRunGone = question.run !== undefined && question.run !== (run?.id ?? null);
      // A run that was rolled back and resumed has other weights by this name.
      const isOther = (now: string | undefined) => now !== undefined && now !== weights;
      const shown = isRunGone || isOther(known.weightsOf(checkpoint)) ? undefined : await known.set(checkpoint);
      if (shown === undefined) return 'gone';
      const asked = weightsAtHand(checkpoint, checkpointSteps);
      const before = shown.rationales.find(({ id }) => id === rationale);
      const strategy = before?.record.strategy;
      const request = { jobId, weights: source.weights(run, asked), row: referenceTo(question), text, strategy };
      const record = await client.request('scoreRationale', request, signal);
      // The set as it is now: while this was scored it may have been sampled again, or its weights have been made anew.
      const now = await source.known(question);
      if (isOther(now.weightsOf(checkpoint))) return 'gone';
      const set = (await now.set(checkpoint)) ?? shown;
      const editedFrom = before && beganAs(shown, before);
      await source.addSet(question, run, withEdited(set, { id: edited, record, by: asked, editedFrom }));
      return 'scored';
    });
    if (outcome.type === 'done' && outcome.value === 'scored') return true;
    const failure = outcome.type === 'failed' ? outcome.failure : null;
    this.#unscored.set(rowKey, { edited, failure, ...(outcome.type === 'done' ? { gone: true } : {}) });
    return false;
  }

  async trace(question: Question, checkpoint: string, id: string): Promise<void> {
    const { source } = this.#services;
    const rationale = await source.find(question, id, checkpoint);
    if (rationale === undefined) return;
    await this.#compute(question, { what: 'tracing', done: 0, total: 1 }, async (client, jobId, signal) => {
      const { run, checkpointSteps } = await source.known(question);
      const by = weightsAtHand(checkpoint, checkpointSteps);
      const { text, strategy } = rationale.record;
      const request = { jobId, weights: source.weights(run, by), row: referenceTo(question), text, strategy };
      const { scores } = await client.request('tracePrefixes', request, signal);
      await source.addTrace(question, run, checkpoint, id, { scores, by });
    });
  }

  /** Runs one request for the panel, which shows how far it is; a failure is shown in the panel, above what still holds. */
  async #compute<T>(
    question: Question,
    activity: PanelActivity,
    request: (client: EngineClient, jobId: string, signal: AbortSignal) => Promise<T>,
  ): Promise<Outcome<T>> {
    const { engine, reporter, onChanged } = this.#services;
    const { rowKey } = question.row;
    this.#work?.controller.abort();
    const controller = new AbortController();
    const jobId = randomUUID();
    const show = (part: Partial<PanelActivity>) => {
      this.#work = { rowKey, controller, activity: { ...activity, ...part } };
      onChanged();
    };
    this.#failure = undefined;
    show({});
    const progress = engine.jobs.onChanged((job) => {
      const mine = job.jobId === jobId && this.#work?.controller === controller;
      if (mine && job.progress !== null) show({ done: job.progress.done, total: job.progress.total });
    });
    try {
      return { type: 'done', value: await request(await engine.client(), jobId, controller.signal) };
    } catch (error) {
      const described = reporter.describe(error);
      if (described === undefined) return { type: 'cancelled' };
      const failure: PanelFailure = { ...described, actions: ['open-log'] };
      this.#failure = { rowKey, failure };
      return { type: 'failed', failure };
    } finally {
      progress.dispose();
      if (this.#work?.controller === controller) this.#work = undefined;
    }
  }
}
