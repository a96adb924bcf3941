/** A dataset row → the token ids of its prompt x and of its answer y, with the part of y that every token belongs to. */
import { LatroError } from '../common/errors.ts';
import type { DatasetRow } from '../datasets/row.ts';
import { buildAnswer, buildPrompt, type Template } from '../datasets/template.ts';
import type { ChatTemplate } from '../model/chat_template.ts';
import type { ModelConfig } from '../model/config.ts';
import type { Tokenizer } from '../model/tokenizer.ts';

export interface EncodedQuestion {
  readonly row: DatasetRow;
  readonly prompt: string;
  readonly promptIds: readonly number[];
  readonly answer: string;
  readonly answerIds: readonly number[];
  /** One per answer token. */
  readonly answerParts: readonly ('template' | 'answer')[];
}

/** More than any tokenizer puts around a text. */
const SPECIAL_TOKENS = 4;

export class QuestionEncoder {
  readonly #tokenizer: Tokenizer;
  readonly #chat: ChatTemplate | null;
  readonly #template: Template;
  readonly #config: ModelConfig;
  readonly #now: Date;

  /** @param chat null for a plain prompt; `now` is the date that some chat templates show */
  constructor(tokenizer: Tokenizer, config: ModelConfig, template: Template, chat: ChatTemplate | null, now: Date) {
    this.#tokenizer = tokenizer;
    this.#chat = chat;
    this.#template = template;
    this.#config = config;
    this.#now = now;
  }

  /**
   * @param roomFor tokens that must fit after the prompt and before the answer
   * @throws LatroError `prompt-too-long` naming the row when they do not fit into the model's positions, `chat-template` when the prompt
   * does not ask the question
   */
  encode(row: DatasetRow, roomFor: number): EncodedQuestion {
    const { prompt, text, parts } = this.#texts(row);
    // A rendered chat prompt holds its own special tokens; adding them again would double the first one.
    const promptIds = this.#tokenizer.encode(prompt, { addSpecialTokens: this.#chat === null });
    if (promptIds.length === 0) {
      throw new LatroError(
        this.#chat === null ? 'config-invalid' : 'chat-template',
        `The prompt of the question on line ${row.line} has no token.`,
        `Correct ${this.#chat === null ? 'templates.prompt' : 'the chat template'}.`,
      );
    }
    const answerIds = this.#tokenizer.encode(text, { addSpecialTokens: false });
    const needed = promptIds.length + roomFor + answerIds.length;
    if (needed > this.#config.maxPositions) {
      throw new LatroError(
        'prompt-too-long',
        `The question on line ${row.line} needs ${needed} tokens (${promptIds.length} of prompt), but the model has ${this.#config.maxPositions} positions.`,
        'Lower sampling.maxRationaleTokens and evaluation.maxTokens, or shorten the question.',
      );
    }
    return { row, prompt, promptIds, answer: text, answerIds, answerParts: this.#partsOf(answerIds, parts) };
  }

  /** Throws where `encode` would. Most rows need no tokenizer: a text has no more tokens than bytes. */
  check(row: DatasetRow, roomFor: number): void {
    const { prompt, text } = this.#texts(row);
    const most = Buffer.byteLength(prompt) + Buffer.byteLength(text) + SPECIAL_TOKENS + roomFor;
    if (most > this.#config.maxPositions) this.encode(row, roomFor);
  }

  #texts(row: DatasetRow) {
    const prompt = buildPrompt(row, this.#template, { chat: (user) => this.#renderChat(user) });
    return { prompt, ...buildAnswer(row, this.#template, this.#tokenizer.specialTokens.eos ?? '') };
  }

  #renderChat(user: string): string | null {
    const chat = this.#chat;
    if (chat === null) return null;
    const render = (content: string): string =>
      chat.render([{ role: 'user', content }], { addGenerationPrompt: true, now: this.#now });
    const prompt = render(user);
    if (!this.#asksWhatItIsGiven && prompt === render(`${user} ${user}`)) {
      throw new LatroError(
        'chat-template',
        "The model's chat template leaves the question out of the prompt.",
        'Correct the template, or set templates.style to "plain".',
      );
    }
    this.#asksWhatItIsGiven = true;
    return prompt;
  }

  /** The chat template was seen to put different questions into different prompts. */
  #asksWhatItIsGiven = false;

  /** A token that holds any character of the answer itself belongs to the answer. */
  #partsOf(
    ids: readonly number[],
    parts: readonly { text: string; part: 'template' | 'answer' }[],
  ): ('template' | 'answer')[] {
    const from = parts
      .slice(
        0,
        parts.findIndex((part) => part.part === 'answer'),
      )
      .reduce((sum, part) => sum + part.text.length, 0);
    const to = from + parts.filter((part) => part.part === 'answer').reduce((sum, part) => sum + part.text.length, 0);
    let end = 0;
    return this.#tokenizer.decodePieces(ids).map((piece) => {
      const start = end;
      end += piece.length;
      return piece.trim() !== '' && start < to && end > from ? 'answer' : 'template';
    });
  }
}
