/** What a dataset asks of a model: how a row becomes a prompt, where a rationale ends, and when an answer is right. */
import type { AnswerKind, DatasetRow } from '../datasets/row.ts';
import { answerMarker, type Template } from '../datasets/template.ts';
import { type ExtractionMode, extractAnswer, isCorrect } from '../evaluate/extract.ts';
import { StopWatcher } from '../evaluate/stop.ts';
import { type TextSimilarity, textSimilarity } from '../evaluate/text_metrics.ts';
import type { StopDetector } from '../model/generate.ts';
import type { Tokenizer } from '../model/tokenizer.ts';
import type { Policy } from './policy.ts';
import { QuestionEncoder } from './question_encoder.ts';

export interface Verdict {
  /** null: no answer could be found. */
  readonly extracted: string | null;
  readonly correct: boolean;
  /** Of a free-text answer to the gold one; absent for other kinds of answers. */
  readonly similarity?: TextSimilarity;
}

export class QuestionTask {
  readonly encoder: QuestionEncoder;
  readonly tokenizer: Tokenizer;
  readonly answerKind: AnswerKind;
  readonly template: Template;
  /** The words of the template that announce the answer; empty when it has none. */
  readonly #marker: string;
  readonly #phrases: readonly string[];
  readonly #extractor: ExtractionMode;

  constructor(
    policy: Policy,
    template: Template,
    answerKind: AnswerKind,
    style: 'auto' | 'chat' | 'plain',
    phrases: readonly string[],
    extractor: ExtractionMode,
    now: Date,
  ) {
    const chat = style === 'plain' ? null : policy.chatTemplate;
    this.tokenizer = policy.tokenizer;
    this.encoder = new QuestionEncoder(policy.tokenizer, policy.config, template, chat, now);
    this.answerKind = answerKind;
    this.#extractor = extractor;
    this.template = template;
    this.#marker = answerMarker(template);
    this.#phrases = [...new Set([this.#marker, ...phrases])].filter((phrase) => phrase !== '');
  }

  /** Looks for a stop phrase in the decoded text; white space before it is not part of z either. */
  newStopDetector(): StopDetector {
    const stream = this.tokenizer.decodeStream();
    const watcher = new StopWatcher(this.#phrases);
    return { push: (id) => watcher.push(stream.push(id))?.pieces ?? null };
  }

  /** How many of an output's tokens are its rationale: those before the stop phrase, all when there is none. */
  rationaleLength(ids: readonly number[]): number {
    const detector = this.newStopDetector();
    for (const id of ids) {
      const length = detector.push(id);
      if (length !== null) return length;
    }
    return ids.length;
  }

  /** Whether an extracted answer is the row's. */
  matches(extracted: string, row: DatasetRow): boolean {
    return isCorrect(extracted, row.answer, this.answerKind, this.#extractor, row.choices);
  }

  judge(text: string, row: DatasetRow): Verdict {
    const extracted = extractAnswer(text, this.answerKind, this.#extractor, row.choices, this.#marker);
    const correct = extracted !== null && this.matches(extracted, row);
    if (this.answerKind !== 'free-text') return { extracted, correct };
    return { extracted, correct, similarity: textSimilarity(extracted ?? '', row.answer) };
  }
}
