/** Turns a schema issue of `latro.json` into one sentence that names the setting, what it is and what it must be. */
import type * as v from 'valibot';
import { LatroError } from '../common/errors.ts';

export function configError(
  issues: readonly [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]],
  source: string,
  schema: v.GenericSchema,
): LatroError {
  // A misspelt name first: it explains why another is missing.
  const issue = issues.find(isUnknownKey) ?? issues[0];
  const path = (issue.path ?? []).map((item) => item.key as string | number);
  const name = settingName(path);
  if (isUnknownKey(issue)) {
    const siblings = knownKeys(schema, path.slice(0, -1), issue.path?.at(-1)?.input);
    const near = nearest(String(path.at(-1)), siblings);
    const nextStep =
      near === undefined
        ? `Settings there: ${siblings.join(', ')}.`
        : `Did you mean "${settingName([...path.slice(0, -1), near])}"?`;
    return invalid(`${source}: "${name}" is not a setting.`, nextStep);
  }
  if (issue.path?.at(-1)?.origin === 'key' || (issue.type === 'variant' && issue.input === undefined)) {
    return invalid(`${source}: "${name}" is missing.`, 'Add it.');
  }
  const where = path.length === 0 ? 'the configuration' : `"${name}"`;
  return invalid(`${source}: ${where} is ${shortJson(issue.input)} but ${requirement(issue)}.`, 'Correct it.');
}

export function invalid(reason: string, nextStep: string): LatroError {
  return new LatroError('config-invalid', reason, nextStep);
}

/** `["sampling", "stopPhrases", 3]` → `sampling.stopPhrases[3]`. */
export function settingName(path: readonly (string | number)[]): string {
  return path.map((key, i) => (typeof key === 'number' ? `[${key}]` : i === 0 ? key : `.${key}`)).join('');
}

function isUnknownKey(issue: v.BaseIssue<unknown>): boolean {
  return issue.type === 'strict_object' && issue.expected === 'never';
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  Object: 'a JSON object',
  Array: 'a list',
  string: 'a text',
  number: 'a number',
  boolean: 'true or false',
};

function requirement(issue: v.BaseIssue<unknown>): string {
  // Our own messages say what must hold; valibot's begin with "Invalid".
  if (!issue.message.startsWith('Invalid')) return issue.message;
  const expected = (issue.expected ?? '')
    .replace(/^\(|\)$/g, '')
    .split(' | ')
    .map((type) => TYPE_NAMES[type] ?? type);
  return `must be ${expected.length > 2 ? 'one of ' : ''}${expected.join(expected.length > 2 ? ', ' : ' or ')}`;
}

function shortJson(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** The keys a schema allows at `path`; `value` (the object there) picks the branch of a variant. */
function knownKeys(schema: v.GenericSchema, path: readonly (string | number)[], value: unknown): string[] {
  const node = unwrap(schema);
  const [key, ...rest] = path;
  if (node.options !== undefined) {
    // A variant: the branch whose literal "kind" is the one given.
    const kind = (value as { kind?: unknown } | undefined)?.kind;
    const branch = node.options.find((option) => unwrap(unwrap(option).entries?.kind).literal === kind);
    return branch === undefined ? [] : knownKeys(branch, path, value);
  }
  const entries = node.entries ?? {};
  if (key === undefined) return Object.keys(entries);
  const child = entries[key];
  return child === undefined ? [] : knownKeys(child, rest, value);
}

interface SchemaNode {
  readonly wrapped?: v.GenericSchema;
  readonly entries?: Record<string, v.GenericSchema>;
  readonly options?: readonly v.GenericSchema[];
  readonly literal?: unknown;
}

function unwrap(schema: v.GenericSchema | undefined): SchemaNode {
  let node = (schema ?? {}) as SchemaNode;
  while (node.wrapped !== undefined) node = node.wrapped as SchemaNode;
  return node;
}

/** The candidate within two edits (a third of its length for short ones), capital letters ignored; undefined when none is near. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance && distance <= Math.max(2, candidate.length / 3)) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(previous[j]! + 1, current[j - 1]! + 1, substitution));
    }
    previous = current;
  }
  return previous[b.length]!;
}
