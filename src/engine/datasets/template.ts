/**
 * Prompt and answer templates are data: texts with {question}, {choices}, {context}, {trigger} and {answer} in them, which
 * `latro.json` can replace. The defaults are those of LaTRO's code (SalesforceAIResearch/LaTRO @ ff18ac3), with two corrections that
 * `paperTemplate` takes back:
 *   - y begins with a separator, so that z ‖ y does not read "…64.The answer is": an unnatural, unstable token boundary;
 *   - an option that ends with a full stop does not get a second one ("The answer is Days become shorter..").
 */
import type { RunConfig } from '../../protocol/run_config.ts';
import { LatroError } from '../common/errors.ts';
import { pythonListRepr } from './quote.ts';
import type { RowContent } from './row.ts';

export type TemplateSettings = Pick<RunConfig['templates'], 'prompt' | 'trigger' | 'answer' | 'separator'>;

export interface Template {
  /** The user's message for a model with a chat template. {question} is preceded by the context unless {context} is named. */
  readonly chat: string;
  /** The whole prompt for a model without one. */
  readonly plain: string;
  /** Words that ask for a rationale: {trigger}. */
  readonly trigger: string;
  /** y without separator and end token; holds {answer} once. */
  readonly answer: string;
  /** First characters of y. */
  readonly separator: string;
  /** An answer that already ends a sentence absorbs the full stop that follows {answer}. */
  readonly joinFullStop: boolean;
}

const ANSWER = { answer: 'The answer is {answer}.', separator: '\n', joinFullStop: true } as const;

const TRIGGER = "Let's think step by step.";

/** Zero-shot chain of thought, as LaTRO asks GSM8K. */
export const stepByStepTemplate: Template = {
  chat: '{question} {trigger}',
  plain: '{question}\n{trigger}',
  trigger: TRIGGER,
  ...ANSWER,
};

/** As LaTRO asks ARC-Challenge. */
export const stepByStepChoiceTemplate: Template = {
  chat: "Question: {question}\nOptions: {choices}\nLet's think step by step first then print your answer like 'The answer is (one of the options)'.",
  plain: 'Question: {question}\nOptions: {choices}\nAnswer: {trigger}',
  trigger: TRIGGER,
  ...ANSWER,
};

/** No rationale asked for: the bare question. */
export const directTemplate: Template = { chat: '{question}', plain: '{question}', trigger: '', ...ANSWER };

const DIRECT_CHOICE_PROMPT =
  '\nThe output MUST strictly follow the structure and format described below:\n\n' +
  '1. The answer should be strictly one of the options given in the question\n' +
  '2. Do not include any text after you choose an option.\n' +
  '**Example:**\nQuestion: (question here)\nOptions: [option1, option2, option3]\nThe answer is: (one of the options).\n' +
  '\nQuestion: {question}\nOptions: {choices}\n';

/** The prompt on which LaTRO's code evaluates its SFT baseline; ours trains on it too, so that the format is no handicap. */
export const directChoiceTemplate: Template = {
  chat: DIRECT_CHOICE_PROMPT,
  plain: DIRECT_CHOICE_PROMPT,
  trigger: '',
  ...ANSWER,
};

/** The template as the reference code joins it: no separator before y, full stops doubled. */
export function paperTemplate(template: Template): Template {
  return { ...template, separator: '', joinFullStop: false };
}

/** The settings of `latro.json` over a format's own template; `prompt` replaces both the chat and the plain one. */
export function configureTemplate(template: Template, settings: TemplateSettings): Template {
  const { prompt, trigger, answer, separator } = settings;
  const configured = {
    ...template,
    trigger,
    answer,
    separator,
    ...(prompt !== undefined && { chat: prompt, plain: prompt }),
  };
  checkTemplate(configured);
  return configured;
}

/** Throws `config-invalid` when a template cannot show the question or the answer. */
export function checkTemplate(template: Template): void {
  for (const side of ['chat', 'plain'] as const) {
    if (template[side].includes('{question}')) continue;
    throw new LatroError(
      'config-invalid',
      `The ${side} prompt template has no {question}.`,
      'Put {question} where the question belongs.',
    );
  }
  if (template.answer.split('{answer}').length !== 2) {
    throw new LatroError(
      'config-invalid',
      'The answer template must hold {answer} exactly once.',
      'Write it like "The answer is {answer}.".',
    );
  }
}

/**
 * The prompt x of a row. `chat` renders a user message with the model's chat template, or gives null when the model has none.
 * Placeholders are replaced in one pass, so braces inside a question stay what they are.
 */
export function buildPrompt(
  row: RowContent,
  template: Template,
  { chat }: { chat: (user: string) => string | null },
): string {
  return chat(fillPrompt(row, template, 'chat')) ?? fillPrompt(row, template, 'plain');
}

function fillPrompt(row: RowContent, template: Template, side: 'chat' | 'plain'): string {
  const prompt = template[side];
  const context = row.context ?? '';
  const ownPlaceForContext = prompt.includes('{context}');
  return prompt.replace(/\{(question|choices|context|trigger)\}/g, (_, placeholder: string) => {
    if (placeholder === 'context') return context;
    if (placeholder === 'trigger') return template.trigger;
    if (placeholder === 'question')
      return ownPlaceForContext || context === '' ? row.question : `${context}\n\n${row.question}`;
    if (row.choices === undefined) {
      throw new LatroError(
        'config-invalid',
        'The prompt template names {choices}, but the question has none.',
        'Map a column to "choices" or take {choices} out of the template.',
      );
    }
    return pythonListRepr(row.choices);
  });
}

/** A stretch of y. The reward of the answer's own tokens is reported apart from the template's (algorithms: template inflation). */
export interface AnswerPart {
  readonly text: string;
  readonly part: 'template' | 'answer';
}

/** y of a row: separator, template with the gold answer, end token. The parts joined are the text; none is empty. */
export function buildAnswer(
  row: RowContent,
  template: Template,
  endToken: string,
): { text: string; parts: AnswerPart[] } {
  const [before = '', after = ''] = template.answer.split('{answer}');
  const absorbed = template.joinFullStop && after.startsWith('.') && /[.!?]$/.test(row.answer);
  const parts: AnswerPart[] = [
    { text: template.separator + before, part: 'template' },
    { text: row.answer, part: 'answer' },
    { text: absorbed ? after.slice(1) : after, part: 'template' },
    { text: endToken, part: 'template' },
  ];
  const present = parts.filter((part) => part.text !== '');
  return { text: present.map((part) => part.text).join(''), parts: present };
}

/** What stands before the answer, "The answer is": ends z when the model writes it, and marks the answer for the extractor. */
export function answerMarker(template: Template): string {
  return (template.answer.split('{answer}')[0] ?? '').trim();
}
