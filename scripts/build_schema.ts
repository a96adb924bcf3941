/**
 * Writes `media/latro.schema.json`, which gives `latro.json` its completion, hovers and errors in the editor. Generated from the
 * schema the engine validates with, so that the two cannot disagree; every hover ends with unit, range and each preset's default.
 */
import { writeFileSync } from 'node:fs';
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
  anyOf?: SchemaNode[];
  oneOf?: SchemaNode[];
}

const outputFile = fileURLToPath(new URL('../media/latro.schema.json', import.meta.url));

export function buildSchema(): string {
  const schema = toJsonSchema(RunConfigInput) as SchemaNode;
  addDefaults(schema, PRESET_TOP);
  for (const [name, rows] of Object.entries(PRESET_SECTIONS))
    addDefaults(schema.properties?.[name] as SchemaNode, rows);
  const trainable = schema.properties?.trainable as SchemaNode;
  addDefaults(trainable.oneOf?.[0] as SchemaNode, PRESET_LORA);
  trainable.description += ` ${defaultText(PRESET_TRAINABLE)}`;
  addPresetDefault(schema, 'method', 'latro');
  addPresetDefault(schema, 'preset', 'latro-corrected');
  const rate = schema.properties?.optimizer?.properties?.learningRate as SchemaNode;
  rate.description += ` Default: ${LEARNING_RATE.full.value} with trainable full (${LEARNING_RATE.full.source}), ${LEARNING_RATE.lora.value} with lora (${LEARNING_RATE.lora.source}).`;
  finishDescriptions(schema);
  return `${JSON.stringify({ title: 'LaTRO Studio run', ...schema }, null, 2)}\n`;
}

function addDefaults(node: SchemaNode, rows: Readonly<Record<string, PresetRow<unknown>>>): void {
  for (const [key, row] of Object.entries(rows)) {
    const field = node.properties?.[key];
    if (field === undefined) throw new Error(`a preset has "${key}", the schema has not`);
    field.default = row['latro-corrected'];
    field.description += ` ${defaultText(row)}`;
  }
}

function addPresetDefault(node: SchemaNode, key: string, value: string): void {
  (node.properties?.[key] as SchemaNode).default = value;
}

function defaultText(row: PresetRow<unknown>): string {
  const [paper, corrected] = [JSON.stringify(row['latro-paper']), JSON.stringify(row['latro-corrected'])];
  const both = paper === corrected ? paper : `${paper} in latro-paper, ${corrected} in latro-corrected`;
  const arc = row.arcChallenge === undefined ? '' : `, ${JSON.stringify(row.arcChallenge)} on ARC-Challenge`;
  return `Default: ${both}${arc}. Source: ${row.source}.`;
}

/** Says unit and range in the hover, where a person looks; the keywords stay for the validator. */
function finishDescriptions(node: SchemaNode): void {
  const { unit, ...rest } = node;
  delete node.unit;
  const range = rangeText(rest);
  const facts = [unit === undefined ? '' : `Unit: ${unit}.`, range === '' ? '' : `Range: ${range}.`].filter(
    (fact) => fact !== '',
  );
  if (node.description !== undefined && facts.length > 0) node.description += ` ${facts.join(' ')}`;
  for (const child of Object.values(node.properties ?? {})) finishDescriptions(child);
  for (const branch of [...(node.anyOf ?? []), ...(node.oneOf ?? [])]) finishDescriptions(branch);
}

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

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(outputFile, buildSchema());
