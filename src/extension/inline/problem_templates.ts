/**
 * Sentences of the row check, recognised by their templates so that they can be shown in the editor's language: the check is the
 * engine's, speaks English and has few sentences. Pure.
 */

/** Each is a key of l10n/bundle.l10n.*.json (a test compares); {0} and {1} stand for names, values and types. */
export const PROBLEM_TEMPLATES = [
  'The row is longer than {0} characters and was not read.',
  'A row must be a JSON object, such as {"question": "…", "answer": "…"}.',
  'The row holds invisible characters ({0}) that can make it read otherwise than it is.',
  'The row has no {0}.',
  '{0} is empty.',
  '{0} must be a text or a number, not {1}.',
  '{0} must be a text, not {1}.',
  '{0} must be a number, not {1}.',
  '{0} must be a list of options, not {1}.',
  '{0} must hold at least two options.',
  '{0} is not a finite number.',
  '{0} is neither one of the options nor the label or index of one.',
  '"answerKey" must be one of the labels {0}.',
  '"answer" must end with "#### " and the final answer.',
  'There is more text after the end of the JSON value.',
  'The row is nested more than {0} levels deep.',
  'The JSON ends where a value should be.',
  'A colon is missing after a column name.',
  'A comma is missing between two values.',
  'A comma stands before "{0}".',
  'A text is not closed by a quote.',
  'A backslash in a text is not followed by an escape that JSON knows.',
  'A text holds a control character, such as a tab or a line break, that JSON wants escaped.',
  'A text is in single quotes; JSON knows only double quotes.',
  'A column name must be in double quotes.',
  'A value is missing here.',
  'This is neither a text in double quotes nor a number nor true, false or null.',
  'The JSON ends before its closing "{0}".',
  'A JSON dataset must be an array of rows or an object that holds one.',
  'The JSON object holds no array of rows.',
  'A row is missing between two commas.',
  'A comma stands after the last row.',
  'A comma is missing between two rows.',
  'The file ends before the closing "]" of its rows.',
  'Delete the row',
  'Rename the column to {0}',
  'Add {0}',
  'Remove the invisible characters',
  'Remove the comma after the row',
  'Insert "{0}"',
  'Remove the comma',
  'Close the text',
  'Write the backslash as "\\\\"',
  'Write the character as {0}',
  'Use double quotes',
  'Put the name in double quotes',
  'Write it as {0}',
  'Put it in double quotes',
  'Append "{0}"',
  'a text',
  'a number',
  'a list',
  'an object',
  'true or false',
] as const;

export interface Recognised {
  readonly template: string;
  readonly values: readonly string[];
}

const PATTERNS = PROBLEM_TEMPLATES.map((template) => ({ template, pattern: patternOf(template) }));

/** The first template that fits; undefined for a text that is none of the row check's. */
export function recognise(text: string): Recognised | undefined {
  for (const { template, pattern } of PATTERNS) {
    const match = pattern.exec(text);
    if (match !== null) return { template, values: match.slice(1) };
  }
  return undefined;
}

function patternOf(template: string): RegExp {
  const parts = template.split(/\{\d\}/).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('(.+)')}$`, 's');
}
