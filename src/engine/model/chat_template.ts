/**
 * Chat templates are Jinja programs that come with a model, so they are run as untrusted code: interpreted by `@huggingface/jinja`,
 * which reaches nothing but the values given here, and bounded in size, steps and time. Whitespace rules and variables are those
 * of transformers' `apply_chat_template`.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createContext, Script } from 'node:vm';
import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';
import * as v from 'valibot';
import { LatroError } from '../common/errors.ts';
import { isMissing, parseJson, readOptionalJson } from './json_file.ts';
import type { SpecialTokens } from './tokenizer.ts';

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

export interface RenderOptions {
  /** Ends the prompt with the opening of the assistant's turn. */
  readonly addGenerationPrompt: boolean;
  /** What `strftime_now` reads; Llama 3 puts the date into its prompts. */
  readonly now: Date;
  /** Further variables, such as Qwen3's `enable_thinking`. */
  readonly variables?: Readonly<Record<string, string | number | boolean>>;
}

export interface TemplateLimits {
  /** Characters of the template itself. */
  readonly templateLength: number;
  /** Characters, or items of a list, of any value the template computes, its output included. */
  readonly valueLength: number;
  /** Expressions and statements evaluated; a value counts for one more per list item or per 100 characters. */
  readonly steps: number;
  /** Of computing; waiting for a processor does not count. */
  readonly milliseconds: number;
}

/** Far above the longest templates in use (about 20,000 characters) and the longest prompts a model here takes. */
export const TEMPLATE_LIMITS: TemplateLimits = {
  templateLength: 200_000,
  valueLength: 4_000_000,
  steps: 1_000_000,
  milliseconds: 2_000,
};

type Program = ReturnType<typeof parse>;

const TemplateSchema = v.object({
  chat_template: v.nullish(v.union([v.string(), v.array(v.object({ name: v.string(), template: v.string() }))])),
});

export class ChatTemplate {
  readonly #program: Program;
  readonly #origin: string;
  readonly #special: SpecialTokens;
  readonly #limits: TemplateLimits;

  /** `origin` is named in errors. Errors: chat-template when it is too long or not a template. */
  constructor(source: string, origin: string, special: SpecialTokens, limits: TemplateLimits = TEMPLATE_LIMITS) {
    this.#origin = origin;
    this.#special = special;
    this.#limits = limits;
    if (source.length > limits.templateLength) {
      throw this.#error(`has ${source.length} characters, more than the ${limits.templateLength} allowed`);
    }
    this.#program = this.#bounded('cannot be parsed', () =>
      parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true })),
    );
  }

  /**
   * The folder's template: `chat_template.jinja`, else `chat_template` of tokenizer_config.json (the one named "default" of
   * several), else null. Errors: model-damaged, chat-template.
   */
  static async load(folder: string, special: SpecialTokens): Promise<ChatTemplate | null> {
    const file = join(folder, 'chat_template.jinja');
    const source = await readFile(file, 'utf8').catch((error: unknown) => {
      if (isMissing(error)) return null;
      throw error;
    });
    if (source !== null) return new ChatTemplate(source, file, special);

    const path = join(folder, 'tokenizer_config.json');
    const json = await readOptionalJson(path, 'model-damaged');
    const { chat_template: field } = parseJson(TemplateSchema, json ?? {}, path, 'model-damaged');
    const text = typeof field === 'string' ? field : field?.find(({ name }) => name === 'default')?.template;
    return text === undefined ? null : new ChatTemplate(text, path, special);
  }

  /** The prompt for a conversation. Errors: chat-template, with the template's own words when it refuses the conversation. */
  render(messages: readonly ChatMessage[], options: RenderOptions): string {
    const output = this.#bounded('cannot be rendered', () => {
      const interpreter = new BoundedInterpreter(this.#environment(messages, options), this.#limits);
      return interpreter.run(this.#program).value;
    });
    if (typeof output !== 'string') throw this.#error('does not give a text');
    return output;
  }

  #environment(messages: readonly ChatMessage[], options: RenderOptions): Environment {
    const environment = new Environment();
    const set = (variables: Readonly<Record<string, unknown>>): void => {
      for (const [name, value] of Object.entries(variables)) environment.set(name, value);
    };
    set({ true: true, false: false, none: null, True: true, False: false, None: null });
    set({
      range: (start: number, stop?: number, step?: number) => this.#range(start, stop, step),
      raise_exception: (message: unknown) => {
        throw new TemplateRefusal(String(message).slice(0, 500));
      },
      strftime_now: (format: unknown) => strftime(options.now, String(format)),
    });
    const { bos, eos, pad, unk } = this.#special;
    for (const [name, token] of Object.entries({ bos_token: bos, eos_token: eos, pad_token: pad, unk_token: unk })) {
      if (token !== null) environment.set(name, token);
    }
    set({
      messages: messages.map(({ role, content }) => ({ role, content })),
      tools: null,
      documents: null,
      add_generation_prompt: options.addGenerationPrompt,
      ...options.variables,
    });
    return environment;
  }

  /** Python's range, counted before it is made. */
  #range(first: number, second?: number, step = 1): number[] {
    const [start, stop] = second === undefined ? [0, first] : [first, second];
    const length = Math.max(0, Math.ceil((stop - start) / step));
    if (!Number.isFinite(length) || length > this.#limits.steps) {
      throw new TemplateLimit(`a range of ${length} numbers`);
    }
    return Array.from({ length }, (_, i) => start + i * step);
  }

  /** The clock's limit holds inside library calls too, since node:vm interrupts the engine itself. */
  #bounded<T>(failure: string, run: () => T): T {
    try {
      return withinTime(run, this.#limits.milliseconds);
    } catch (error) {
      if (error instanceof TemplateRefusal) throw this.#error(`refuses the conversation: ${error.message}`);
      if (error instanceof TemplateLimit) throw this.#error(`exceeds a limit: ${error.message}`);
      if (isTimeout(error)) {
        throw this.#error(`exceeds a limit: more than ${this.#limits.milliseconds} ms`);
      }
      // The library's parser runs past the end of a template that stops halfway, and says so with a TypeError of its own.
      if (error instanceof TypeError) throw this.#error(`${failure}: it is incomplete`, error);
      throw this.#error(`${failure}: ${(error as Error)?.message}`, error);
    }
  }

  #error(what: string, cause?: unknown): LatroError {
    return new LatroError(
      'chat-template',
      `The chat template of ${this.#origin} ${what}.`,
      'Correct the template, or choose a prompt template without chat.',
      { cause },
    );
  }
}

/** The template called `raise_exception`. */
class TemplateRefusal extends Error {}
class TemplateLimit extends Error {}

/** Every node of the program passes through `evaluate`, so that is where steps and sizes are counted. */
class BoundedInterpreter extends Interpreter {
  readonly #limits: TemplateLimits;
  #steps = 0;

  constructor(environment: Environment, limits: TemplateLimits) {
    super(environment);
    this.#limits = limits;
  }

  override evaluate(...args: Parameters<Interpreter['evaluate']>): ReturnType<Interpreter['evaluate']> {
    const result = super.evaluate(...args);
    const value: unknown = result?.value;
    const length = typeof value === 'string' || Array.isArray(value) ? value.length : 0;
    if (length > this.#limits.valueLength) throw new TemplateLimit(`a value of ${length} characters or items`);
    this.#steps += 1 + (typeof value === 'string' ? length / 100 : length);
    if (this.#steps > this.#limits.steps) throw new TemplateLimit(`more than ${this.#limits.steps} steps`);
    return result;
  }
}

const sandbox = createContext({ run: undefined as unknown });
const callRun = new Script('run()');

/** Attempts at a call that the machine gave no processor; bounds how long a call can take in all. */
const ATTEMPTS = 20;

/**
 * Runs a call without effects within its time. The clock goes on while a busy machine runs something else, so a call that was stopped
 * before it had half of its time on a processor is made again.
 */
function withinTime<T>(run: () => T, milliseconds: number): T {
  for (let attempt = 1; ; attempt++) {
    const before = process.cpuUsage();
    sandbox.run = run;
    try {
      return callRun.runInContext(sandbox, { timeout: milliseconds }) as T;
    } catch (error) {
      const { user, system } = process.cpuUsage(before);
      const starved = isTimeout(error) && (user + system) / 1000 < milliseconds / 2;
      if (!starved || attempt === ATTEMPTS) throw error;
    }
  }
}

const isTimeout = (error: unknown): boolean =>
  (error as NodeJS.ErrnoException)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';

const MONTHS = 'January February March April May June July August September October November December'.split(' ');
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');

/** Python's `strftime` in the C locale and local time, as transformers calls it; other directives stay as they are. */
function strftime(date: Date, format: string): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  const month = MONTHS[date.getMonth()] as string;
  const day = DAYS[date.getDay()] as string;
  const directives: Record<string, string> = {
    Y: String(date.getFullYear()),
    y: two(date.getFullYear() % 100),
    m: two(date.getMonth() + 1),
    B: month,
    b: month.slice(0, 3),
    d: two(date.getDate()),
    A: day,
    a: day.slice(0, 3),
    H: two(date.getHours()),
    I: two(date.getHours() % 12 || 12),
    p: date.getHours() < 12 ? 'AM' : 'PM',
    M: two(date.getMinutes()),
    S: two(date.getSeconds()),
    '%': '%',
  };
  return format.replace(/%([A-Za-z%])/g, (text, letter: string) => directives[letter] ?? text);
}
