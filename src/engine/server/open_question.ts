/** A client's question with everything it is asked under: weights, row and settings. What sampling, scoring and tracing share. */
import type { RowReference, Weights } from '../../protocol/engine_rpc.ts';
import type { RunConfig } from '../../protocol/run_config.ts';
import type { Clock } from '../common/clock.ts';
import type { FileSystem } from '../common/file_system.ts';
import type { ProgramOptions } from '../model/programs.ts';
import type { Policy } from '../training/policy.ts';
import type { EncodedQuestion } from '../training/question_encoder.ts';
import type { QuestionTask } from '../training/question_task.ts';
import { type SampledQuestion, withReference } from '../training/rollout.ts';
import { questionTask } from '../training/run_setup.ts';
import type { PolicyCache } from './policy_cache.ts';
import { type QuestionRow, readQuestionRow } from './question_row.ts';
import { type QuestionWeights, resolveWeights, settingsFor } from './question_weights.ts';

export interface QuestionWorld {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly policies: PolicyCache;
  /** Device and threads of a model without a run. */
  readonly programs: ProgramOptions;
}

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
    const weights = await resolveWeights(world.files, params.weights, world.programs);
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
    const [scored] = await this.#world.policies.use(reference.policy, ({ model }) =>
      withReference([sampled], sampling.countStopTokens, (groups) =>
        model.score(groups, { policy: reference.adapterOff ? 'reference' : 'current' }),
      ),
    );
    return scored!;
  }
}
