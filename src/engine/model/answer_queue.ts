/**
 * Answers that wait to be scored on what sampling left of their rows: some together, because a run for one row takes most of the time that
 * one for sixteen takes (docs/bench/NOTES.md, "Evaluations").
 */
import type { Cache } from './extend_inputs.ts';
import { KeyValueCache } from './kv_cache.ts';
import type { LanguageModel } from './language_model.ts';

export interface WaitingAnswer {
  /** What the answer follows, a prompt and a rationale: at least one token, and no more than the cache's row begins with. */
  readonly sequence: readonly number[];
  readonly answer: readonly number[];
  /** Told log π(y_t | sequence, y_<t). */
  readonly scored: (logProbs: readonly number[]) => void;
}

/** Rows that are scored as soon as they are so many. */
const TOGETHER = 16;

export class AnswerQueue {
  readonly #model: LanguageModel;
  readonly #contextLength: number;
  #caches: Cache[] = [];
  #answers: WaitingAnswer[] = [];

  constructor(model: LanguageModel, contextLength: number) {
    this.#model = model;
    this.#contextLength = contextLength;
  }

  /** @param cache taken over; a row for each answer */
  async add(cache: Cache, answers: readonly WaitingAnswer[]): Promise<void> {
    this.#caches.push(cache);
    this.#answers.push(...answers);
    // A device's caches are not joined.
    if (this.#answers.length >= TOGETHER || !(cache instanceof KeyValueCache)) await this.flush();
  }

  async flush(): Promise<void> {
    const [answers, caches] = [this.#answers, this.#caches];
    if (answers.length === 0) return;
    const cache = caches.length === 1 ? caches[0]! : KeyValueCache.join(caches as KeyValueCache[]);
    const fresh = answers.map(({ sequence, answer }, row) => {
      // The prediction of y_1 needs its predecessor's hidden state: the last token before the answer runs again.
      const reuse = Math.min(cache.lengths[row]!, sequence.length - 1);
      cache.truncate(row, reuse);
      return [...sequence.slice(reuse), ...answer];
    });
    const wanted = answers.map(({ answer }) => answer.length);
    const scores = await this.#model.scoreOnCache(cache, fresh, wanted, this.#contextLength);
    this.dispose();
    answers.forEach(({ scored }, row) => {
      scored(scores[row]!);
    });
  }

  /** Forgets what still waits. */
  dispose(): void {
    for (const cache of this.#caches) cache.dispose();
    this.#caches = [];
    this.#answers = [];
  }
}
