/**
 * Writes `media/latro.schema.json`, which gives `latro.json` its completion, hovers and errors in the editor, and the same with hovers in
 * other languages (`l10n/schema.LANGUAGE.json` holds their texts; package.nls.LANGUAGE.json names the file). Generated from the schema
 * the engine validates with, so that the two cannot disagree; every hover ends with unit, range and each preset's default.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { toJsonSchema } from '@valibot/to-json-schema';
import { RunConfigInput } from '../src/protocol/run_config.ts';
import {
  LEARNING_RATE,
  PRESET_LORA,
  PRESET_SECTIONS,
  PRESET_TOP,
  PRESET_TRAINABLE,
  type PresetRow,
} from '../src/protocol/run_presets.ts';

interface SchemaNode {
  description?: string;
  unit?: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  properties?: Record<string, SchemaNode>;
  items?: SchemaNode;
  anyOf?: SchemaNode[];
  oneOf?: SchemaNode[];
}

/** Says an English text with holes {0}, {1}, … in a language, the holes filled in. */
export type Say = (text: string, ...values: readonly string[]) => string;

const english: Say = (text, ...values) =>
  text.replaceAll(/\{(\d+)\}/g, (hole, index: string) => values[Number(index)] ?? hole);

/** @throws Error for a text that has no translation */
export function translated(translations: Readonly<Record<string, string>>): Say {
  return (text, ...values) => {
    const translation = translations[text];
    if (translation === undefined) throw new Error(`l10n/schema.*.json has no ${JSON.stringify(text)}`);
    return english(translation, ...values);
  };
}

export function buildSchema(say: Say = english): string {
  const schema = toJsonSchema(RunConfigInput) as SchemaNode;
  sayDescriptions(schema, say);
  const { addDefaults, defaultText } = defaultsIn(say);
  addDefaults(schema, PRESET_TOP);
  for (const [name, rows] of Object.entries(PRESET_SECTIONS))
    addDefaults(schema.properties?.[name] as SchemaNode, rows);
  const trainable = schema.properties?.trainable as SchemaNode;
  addDefaults(trainable.oneOf?.[0] as SchemaNode, PRESET_LORA);
  add(trainable, defaultText(PRESET_TRAINABLE), say);
  addPresetDefault(schema, 'method', 'latro');
  addPresetDefault(schema, 'preset', 'latro-corrected');
  const rate = schema.properties?.optimizer?.properties?.learningRate as SchemaNode;
  const { full, lora } = LEARNING_RATE;
  const [fullText, loraText] = [full, lora].map(({ value, source }) => [String(value), say(source)]);
  add(rate, say('Default: {0} with trainable full ({1}), {2} with lora ({3}).', ...fullText!, ...loraText!), say);
  finishDescriptions(schema, say);
  return `${JSON.stringify({ title: say('LaTRO Studio run'), ...schema }, null, 2)}\n`;
}

function sayDescriptions(node: SchemaNode, say: Say): void {
  if (node.description !== undefined) node.description = say(node.description);
  for (const child of childrenOf(node)) sayDescriptions(child, say);
}

function add(node: SchemaNode, sentence: string, say: Say): void {
  node.description = say('{0} {1}', node.description ?? '', sentence);
}

function addPresetDefault(node: SchemaNode, key: string, value: string): void {
  (node.properties?.[key] as SchemaNode).default = value;
}

function defaultsIn(say: Say) {
  const defaultText = (row: PresetRow<unknown>): string => {
    const [paper, corrected] = [JSON.stringify(row['latro-paper']), JSON.stringify(row['latro-corrected'])];
    const both = paper === corrected ? paper : say('{0} in latro-paper, {1} in latro-corrected', paper, corrected);
    const arc = row.arcChallenge;
    const value = arc === undefined ? both : say('{0}, {1} on ARC-Challenge', both, JSON.stringify(arc));
    return say('Default: {0}. Source: {1}.', value, say(row.source));
  };
  const addDefaults = (node: SchemaNode, rows: Readonly<Record<string, PresetRow<unknown>>>): void => {
    for (const [key, row] of Object.entries(rows)) {
      const field = node.properties?.[key];
      if (field === undefined) throw new Error(`a preset has "${key}", the schema has not`);
      field.default = row['latro-corrected'];
      add(field, defaultText(row), say);
    }
  };
  return { addDefaults, defaultText };
}

/** Says unit and range in the hover, where a person looks; the keywords stay for the validator. */
function finishDescriptions(node: SchemaNode, say: Say): void {
  const { unit, ...rest } = node;
  delete node.unit;
  const range = rangeText(rest);
  if (node.description !== undefined) {
    if (unit !== undefined) add(node, say('Unit: {0}.', say(unit)), say);
    if (range !== '') add(node, say('Range: {0}.', range), say);
  }
  for (const child of childrenOf(node)) finishDescriptions(child, say);
}

const childrenOf = ({ properties, items, anyOf, oneOf }: SchemaNode): SchemaNode[] => [
  ...Object.values(properties ?? {}),
  ...(items === undefined ? [] : [items]),
  ...(anyOf ?? []),
  ...(oneOf ?? []),
];

function rangeText(node: SchemaNode): string {
  const bounds = node.anyOf?.find((branch) => rangeText(branch) !== '') ?? node;
  return [
    bounds.minimum === undefined ? '' : `≥ ${bounds.minimum}`,
    bounds.exclusiveMinimum === undefined ? '' : `> ${bounds.exclusiveMinimum}`,
    bounds.maximum === undefined ? '' : `≤ ${bounds.maximum}`,
    bounds.exclusiveMaximum === undefined ? '' : `< ${bounds.exclusiveMaximum}`,
  ]
    .filter((bound) => bound !== '')
    .join(', ');
}

const fileBeside = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** The schema in every language, by its file. */
export function buildSchemas(): ReadonlyMap<string, string> {
  const files = new Map([[fileBeside('media/latro.schema.json'), buildSchema()]]);
  for (const language of ['zh-cn', 'ja']) {
    const texts = JSON.parse(readFileSync(fileBeside(`l10n/schema.${language}.json`), 'utf8')) as Record<
      string,
      string
    >;
    files.set(fileBeside(`media/latro.schema.${language}.json`), buildSchema(translated(texts)));
  }
  return files;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [file, schema] of buildSchemas()) writeFileSync(file, schema);
}
