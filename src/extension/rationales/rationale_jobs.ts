/** What the side panel asks of the engine for a question: sample, score what was edited, trace. One at a time; a new one ends the last. */
import { randomUUID } from 'node:crypto';
import type { PanelFailure } from '../../protocol/panel_messages.ts';
import type { PanelActivity, SamplingSettings } from '../../protocol/rationale_messages.ts';
import type { EngineClient } from '../engine/engine_client.ts';
import type { EngineSupervisor } from '../engine/engine_supervisor.ts';
import type { Reporter } from '../reporter.ts';
import { settingsAlike } from './before_after.ts';
import { type Question, type QuestionSource, referenceTo } from './question_source.ts';
import { chooseCurrent, setOfSamples, weightsAtHand, withEdited } from './rationale_sets.ts';

export interface RationaleJobsServices {
  readonly engine: EngineSupervisor;
  readonly reporter: Reporter;
  readonly source: QuestionSource;
  /** Something is to be shown anew. */
  readonly onChanged: () => void;
}

export class RationaleJobs {
  readonly #services: RationaleJobsServices;
  #work:
    | { readonly rowKey: string; readonly activity: PanelActivity; readonly controller: AbortController }
    | undefined;
  #failure: { readonly rowKey: string; readonly failure: PanelFailure } | undefined;

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
    return await this.#compute(question, 'sampling', settings.k, async (client, jobId, signal) => {
      const known = await source.known(question);
      const asked = weightsAtHand(checkpoint, known.checkpointSteps);
      const weights = source.weights(known.run, asked);
      const request = { jobId, weights, row: referenceTo(question), maxTokens: null, ...settings };
      const rollout = await client.request('sampleQuestion', request, signal);
      const shown = await source.markedSet(question, asked);
      await source.addSet(question, known.run, setOfSamples(rollout, asked, settings.temperature, shown));
      return asked;
    });
  }

  /** As what is shown was sampled, so that rationales pair by their number. */
  async sampleAlike(
    question: Question,
    checkpoint: string,
    shown: string | undefined,
    defaults: SamplingSettings,
  ): Promise<string | undefined> {
    const { sets } = await this.#services.source.known(question);
    const current = chooseCurrent(sets, shown);
    return await this.sample(
      question,
      checkpoint,
      settingsAlike(current === undefined ? undefined : sets.get(current), defaults),
    );
  }

  async scoreEdited(question: Question, checkpoint: string, id: string, text: string): Promise<void> {
    const { source } = this.#services;
    await this.#compute(question, 'scoring', 1, async (client, jobId, signal) => {
      const { run, sets, checkpointSteps } = await source.known(question);
      const edited = sets.get(checkpoint);
      if (edited === undefined) return;
      const asked = weightsAtHand(checkpoint, checkpointSteps);
      const strategy = edited.rationales.find((each) => each.id === id)?.record.strategy;
      const request = { jobId, weights: source.weights(run, asked), row: referenceTo(question), text, strategy };
      const record = await client.request('scoreRationale', request, signal);
      // The set as it is now: while this was scored it may have been sampled again.
      const set = (await source.known(question)).sets.get(checkpoint) ?? edited;
      await source.addSet(question, run, withEdited(set, `edited-${randomUUID()}`, record, asked));
    });
  }

  async trace(question: Question, checkpoint: string, id: string): Promise<void> {
    const { source } = this.#services;
    const rationale = await source.find(question, id, checkpoint);
    if (rationale === undefined) return;
    await this.#compute(question, 'tracing', 1, async (client, jobId, signal) => {
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
    what: PanelActivity['what'],
    total: number,
    request: (client: EngineClient, jobId: string, signal: AbortSignal) => Promise<T>,
  ): Promise<T | undefined> {
    const { engine, reporter, onChanged } = this.#services;
    const { rowKey } = question.row;
    this.#work?.controller.abort();
    const controller = new AbortController();
    const jobId = randomUUID();
    const show = (done: number, outOf: number) => {
      this.#work = { rowKey, controller, activity: { what, done, total: outOf } };
      onChanged();
    };
    this.#failure = undefined;
    show(0, total);
    const progress = engine.jobs.onChanged((job) => {
      const mine = job.jobId === jobId && this.#work?.controller === controller;
      if (mine && job.progress !== null) show(job.progress.done, job.progress.total);
    });
    try {
      return await request(await engine.client(), jobId, controller.signal);
    } catch (error) {
      const failure = reporter.describe(error);
      if (failure !== undefined) this.#failure = { rowKey, failure: { ...failure, actions: ['open-log'] } };
      return undefined;
    } finally {
      progress.dispose();
      if (this.#work?.controller === controller) this.#work = undefined;
    }
  }
}
