/** A client's question with everything it is asked under: weights, row and settings. What sampling, scoring and tracing share. */
import type { RowReference, Weights } from '../../protocol/engine_rpc.ts';
import type { RunConfig } from '../../protocol/run_config.ts';
import { LatroError } from '../common/errors.ts';
import { underTag } from '../training/methods/tagged_sampling.ts';
import type { Policy } from '../training/policy.ts';
import type { EncodedQuestion } from '../training/question_encoder.ts';
import type { QuestionTask } from '../training/question_task.ts';
import { type SampledQuestion, withReference } from '../training/rollout.ts';
import { questionTask } from '../training/run_setup.ts';
import type { PolicySource } from './policy_cache.ts';
import { type QuestionRow, readQuestionRow } from './question_row.ts';
import { type QuestionWeights, resolveWeights, settingsFor } from './question_weights.ts';
import type { QuestionWorld } from './question_world.ts';

export interface Asked {
  readonly policy: Policy;
  readonly task: QuestionTask;
  readonly encoded: EncodedQuestion;
}

export class OpenQuestion {
  readonly #world: QuestionWorld;
  readonly #question: QuestionRow;
  readonly weights: QuestionWeights;
  readonly config: RunConfig;

  private constructor(world: QuestionWorld, weights: QuestionWeights, question: QuestionRow, config: RunConfig) {
    this.#world = world;
    this.#question = question;
    this.weights = weights;
    this.config = config;
  }

  /** @throws LatroError naming the run, checkpoint, row or setting at fault */
  static async open(
    world: QuestionWorld,
    params: { readonly weights: Weights; readonly row: RowReference },
  ): Promise<OpenQuestion> {
    const weights = await resolveWeights(world, params.weights);
    const question = await readQuestionRow(world.files, params.row, weights.runConfig);
    const config = await settingsFor(weights, question.format.id);
    return new OpenQuestion(world, weights, question, config);
  }

  /**
   * Loads the policy if need be and lends it.
   * @param roomFor tokens that must fit between prompt and answer: their number, or counted by the policy's tokenizer
   */
  ask<T>(roomFor: number | ((policy: Policy) => number), work: (asked: Asked) => Promise<T>): Promise<T> {
    const { policies, clock } = this.#world;
    return policies.use(this.weights.policy, (policy) => {
      const now = this.weights.began ?? new Date(clock.now());
      const task = questionTask(policy, this.config, this.#question, now);
      const room = typeof roomFor === 'number' ? roomFor : roomFor(policy);
      return work({ policy, task, encoded: task.encoder.encode(this.#question.row, room) });
    });
  }

  /** The same rationales with log π_0(z|x), where β asks for it. */
  async withReference(sampled: SampledQuestion): Promise<SampledQuestion> {
    const { reward, sampling } = this.config;
    const { reference } = this.weights;
    if (reward.klCoefficient === 0) return sampled;
    if (reference === null) {
      const rationales = sampled.rationales.map((each) => ({ ...each, referenceLogProb: each.logProb }));
      return { ...sampled, rationales };
    }
    const { start, policy } = reference;
    const score = async (source: PolicySource, adapterOff: boolean): Promise<SampledQuestion | null> =>
      this.#world.policies.use(source, async ({ model }) => {
        if (adapterOff && !model.canSwitchAdapterOff) return null;
        const which = adapterOff ? 'reference' : 'current';
        const [scored] = await withReference([sampled], sampling.countStopTokens, (groups) =>
          model.score(groups, { policy: which }),
        );
        return scored!;
      });
    const scored = (await score(policy, start !== null)) ?? (start && (await score(start, false)));
    return scored!;
  }
}

/** x ⊕ g of the strategy with this number, from 1; x itself without one. Errors: bad-request when the weights have no such strategy. */
export function promptUnder({ policy, encoded }: Asked, strategy: number | undefined): EncodedQuestion {
  if (strategy === undefined) return encoded;
  const tag = policy.tags?.ids[strategy - 1];
  if (tag !== undefined) return underTag(encoded, tag);
  throw new LatroError(
    'bad-request',
    `These weights have ${policy.tags?.ids.length ?? 0} reasoning strategies and no number ${strategy}.`,
    'Choose weights of a run with strategies.',
  );
}
