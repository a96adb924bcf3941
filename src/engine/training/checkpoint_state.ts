/** A checkpoint's contents: the trained weights in the form others load, the optimiser's moments, and the little state besides. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { LatroError } from '../common/errors.ts';
import { adapterFiles } from '../model/adapter.ts';
import { modelFolderFiles } from '../model/model_folder.ts';
import { SafetensorsFile, serializeSafetensors } from '../model/safetensors.ts';
import type { Moments } from '../optimize/adamw.ts';
import type { Optimizer } from '../optimize/optimizer.ts';
import type { CheckpointContent } from '../runs/checkpoint.ts';
import type { MethodState } from './methods/method.ts';
import type { Policy } from './policy.ts';

const State = v.object({
  optimizerUpdates: v.number(),
  method: v.object({ spreadSteps: v.number(), spreadAverage: v.nullable(v.number()) }),
});

/** PEFT adapter folder of a checkpoint, relative to it. */
export const ADAPTER_FOLDER = 'adapter';
/** Hugging Face model folder of a full fine-tuning checkpoint. */
export const MODEL_FOLDER = 'model';

const encode = (json: unknown): Uint8Array[] => [new TextEncoder().encode(`${JSON.stringify(json, null, 2)}\n`)];

export async function checkpointContent(
  policy: Policy,
  optimizer: { readonly updates: number; readonly moments: ReadonlyMap<string, Moments> },
  method: MethodState,
): Promise<CheckpointContent> {
  const moments = [...optimizer.moments].flatMap(([name, { first, second }]) => {
    const { shape } = policy.model.parameters.get(name)!;
    return [
      { name: `first:${name}`, shape, data: first },
      { name: `second:${name}`, shape, data: second },
    ];
  });
  // What is written are the host's numbers, which a device's may be ahead of.
  await policy.model.currentParameters();
  return {
    ...(await weightFiles(policy)),
    'optimizer.safetensors': serializeSafetensors(moments),
    'state.json': encode({ optimizerUpdates: optimizer.updates, method }),
  };
}

async function weightFiles(policy: Policy): Promise<CheckpointContent> {
  const inFolder = (folder: string, files: Record<string, Iterable<Uint8Array>>): CheckpointContent =>
    Object.fromEntries(Object.entries(files).map(([name, pieces]) => [`${folder}/${name}`, pieces]));
  if (policy.mode === 'lora') return inFolder(ADAPTER_FOLDER, adapterFiles(policy.adapter!));
  return inFolder(
    MODEL_FOLDER,
    await modelFolderFiles(policy.folder, policy.model.parameters, 'F32', policy.addedTokens),
  );
}

/**
 * Puts a verified checkpoint's weights and moments in place, in the buffers that the programs are bound to.
 * @param optimizer null: nothing is trained further
 */
export async function restoreCheckpoint(
  directory: string,
  policy: Policy,
  optimizer: Optimizer | null,
): Promise<MethodState> {
  const file = await SafetensorsFile.open(
    policy.mode === 'lora'
      ? join(directory, ADAPTER_FOLDER, 'adapter_model.safetensors')
      : join(directory, MODEL_FOLDER, 'model.safetensors'),
  );
  const saved = await SafetensorsFile.open(join(directory, 'optimizer.safetensors'));
  try {
    const moments = new Map<string, Moments>();
    for (const [name, { data }] of policy.model.parameters) {
      data.set(await file.readFloat32(name));
      if (!saved.names.includes(`first:${name}`)) continue;
      moments.set(name, {
        first: await saved.readFloat32(`first:${name}`),
        second: await saved.readFloat32(`second:${name}`),
      });
    }
    const parsed = v.safeParse(State, JSON.parse(await readFile(join(directory, 'state.json'), 'utf8')));
    if (!parsed.success)
      throw new LatroError(
        'run-damaged',
        `${join(directory, 'state.json')} is not a training state.`,
        'Roll back to an earlier checkpoint.',
      );
    await policy.model.parametersChanged();
    await optimizer?.restore(parsed.output.optimizerUpdates, moments);
    return parsed.output.method;
  } finally {
    await file.close();
    await saved.close();
  }
}
