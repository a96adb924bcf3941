/** What a model folder holds, from its headers alone: no weight is read. */
import { join } from 'node:path';
import * as v from 'valibot';
import type { ModelDescription } from '../../protocol/engine_rpc.ts';
import { ChatTemplate } from '../model/chat_template.ts';
import { parameterShapes, readModelConfig } from '../model/config.ts';
import { parseJson, readRequiredJson } from '../model/json_file.ts';
import { Tokenizer } from '../model/tokenizer.ts';
import { storedWeightBytes } from '../model/weights.ts';
import { policyMemory } from '../training/policy.ts';
import { policyRequest } from '../training/run_setup.ts';
import { presetConfig } from './config_source.ts';

const Architectures = v.object({ architectures: v.optional(v.array(v.string()), []), model_type: v.string() });

/** @throws LatroError as loading the model would, but for what only the weights' values can tell */
export async function describeModel(folder: string): Promise<ModelDescription> {
  const config = await readModelConfig(folder);
  const path = join(folder, 'config.json');
  const codes = { missing: 'model-not-found', damaged: 'model-damaged' } as const;
  const named = parseJson(Architectures, await readRequiredJson(path, codes, ''), path, 'model-damaged');
  const tokenizer = await Tokenizer.load(folder);
  tokenizer.checkAgainst(config);
  const shapes = [...parameterShapes(config).values()];
  const request = policyRequest(await presetConfig(folder, 'auto'), { device: 'cpu', precision: 'float32' });
  const lora = request.mode.kind === 'lora' ? request.mode.lora : null;
  const memory = policyMemory(config, request, lora);
  return {
    directory: folder,
    architecture: named.architectures[0] ?? named.model_type,
    parameters: shapes.reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0),
    layers: config.layers,
    hiddenSize: config.hiddenSize,
    heads: config.heads,
    keyValueHeads: config.keyValueHeads,
    vocabularySize: config.vocabSize,
    contextLength: config.maxPositions,
    weightBytes: await storedWeightBytes(folder, config),
    trainingBytes: Math.round(memory.total),
    leastTrainingBytes: Math.round(memory.least),
    tiedHead: config.tiedHead,
    chatTemplate: (await ChatTemplate.load(folder, tokenizer.specialTokens)) !== null,
  };
}
