/** Models with values that PyTorch, transformers and PEFT computed in float64: every `reference.safetensors` under LATRO_REFERENCE_DIR. */
import { strict as assert } from 'node:assert';
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type ModelConfig, readModelConfig } from '../../src/engine/model/config.ts';
import type { PromptGroup } from '../../src/engine/model/packing.ts';
import { SafetensorsFile } from '../../src/engine/model/safetensors.ts';

export const REFERENCE_FOLDER = resolve(
  process.env.LATRO_REFERENCE_DIR ?? join(import.meta.dirname, '..', '..', '..', 'shared', 'models'),
);

export const REFERENCE_MODELS: readonly string[] = existsSync(REFERENCE_FOLDER)
  ? readdirSync(REFERENCE_FOLDER).filter((name) => existsSync(join(REFERENCE_FOLDER, name, 'reference.safetensors')))
  : [];

export interface Reference {
  readonly folder: string;
  readonly config: ModelConfig;
  readonly file: SafetensorsFile;
  /** (B, T) */
  readonly ids: readonly (readonly number[])[];
  readonly groups: readonly PromptGroup[];
}

/** ‖a − b‖ / ‖b‖. */
export function relativeError(ours: ArrayLike<number>, reference: ArrayLike<number>): number {
  assert.equal(ours.length, reference.length);
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < reference.length; i++) {
    difference += (ours[i]! - reference[i]!) ** 2;
    norm += reference[i]! ** 2;
  }
  return Math.sqrt(difference / norm);
}

export async function openReference(folder: string): Promise<Reference> {
  const file = await SafetensorsFile.open(join(folder, 'reference.safetensors'));
  const [rows, length] = file.info('input_ids').shape as [number, number];
  const flat = Array.from(await file.readInt64('input_ids'), Number);
  const weights = await file.readFloat32('weights');
  const ids = Array.from({ length: rows }, (_, row) => flat.slice(row * length, (row + 1) * length));
  const groups = ids.map((sequence, row) => ({
    prompt: sequence.slice(0, 1),
    continuations: [
      {
        ids: sequence.slice(1),
        predictions: sequence.slice(1).map((target, at) => ({ at, target, weight: weights[row * length + at + 1]! })),
      },
    ],
  }));
  return { folder, config: await readModelConfig(folder), file, ids, groups };
}
