/**
 * The policy π_θ of a run: model, tokenizer, chat template and what of it is trained; beside it the frozen reference π_0, the policy as it
 * started. For a new adapter that is the same weights with the adapter off; for an adapter trained further or one with learned rows for
 * control tokens, the same weights with a copy of it; for full fine-tuning a copy of the starting weights.
 */
import { basename } from 'node:path';
import { availableMemory } from '../common/memory.ts';
import { type ControlTokenSettings, type ControlTokens, controlTokens } from '../forking/control_tokens.ts';
import {
  type Adapter,
  checkAdapterAgainst,
  initialiseAdapter,
  type LoraConfig,
  loadAdapter,
  loraScale,
  targetedModules,
} from '../model/adapter.ts';
import type { AddedTokens } from '../model/added_tokens.ts';
import type { BoundAdapter } from '../model/bound_tensors.ts';
import { ChatTemplate } from '../model/chat_template.ts';
import { type ModelConfig, readModelConfig } from '../model/config.ts';
import { LanguageModel } from '../model/language_model.ts';
import { estimateMemory, type MemoryEstimate, type MemoryRequest, requireMemory } from '../model/memory_estimate.ts';
import { asComputed } from '../model/page_widths.ts';
import { keepsDecodingCopy, type ProgramOptions } from '../model/programs.ts';
import { Tokenizer } from '../model/tokenizer.ts';
import { type FrozenWeights, loadFrozenWeights, type Tensor, type Weights } from '../model/weights.ts';
import { keepsTensors } from '../runtime/session.ts';
import { type PolicyParts, withAddedTokens } from './policy_tokens.ts';
import type { ReferenceScorer } from './rollout.ts';

const TRAINABLE = { frozen: 'nothing', lora: 'adapter', full: 'all-weights' } as const;

/** What is trained, if anything. */
export type PolicyMode =
  | { readonly kind: 'frozen' }
  | { readonly kind: 'lora'; readonly lora: LoraConfig; readonly seed: number }
  | { readonly kind: 'full' };

export interface PolicyRequest {
  /** Hugging Face model folder. */
  readonly model: string;
  /** PEFT adapter folder to start from. */
  readonly adapter: string | null;
  readonly mode: PolicyMode;
  /** Reasoning strategies, if any: the tags that open their rationales; `seed` is of the first values of learned rows. */
  readonly strategies?: (ControlTokenSettings & { readonly seed: number }) | undefined;
  readonly programs: ProgramOptions;
  /** Sequences decoded at once and their greatest length: what the memory check counts with. */
  readonly rows: number;
  readonly sequenceLength: number;
  readonly tokenBudget: number;
}

export class Policy {
  readonly folder: string;
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  readonly chatTemplate: ChatTemplate | null;
  readonly model: LanguageModel;
  /** As programs have them: without full fine-tuning matrices may be float16, or have wider rows (`page_widths.ts`). */
  readonly weights: FrozenWeights;
  readonly adapter: Adapter | null;
  readonly mode: PolicyMode['kind'];
  /** Tags of the reasoning strategies; null: it has none. */
  readonly tags: ControlTokens | null;
  /** Tokens beside the vocabulary of the model folder, with learned rows; null: none. */
  readonly addedTokens: AddedTokens | null;
  readonly #programs: ProgramOptions;
  /** The config that programs are made for. */
  readonly #computed: ModelConfig;
  /** What π_0 differs in from the trained weights; null where switching the adapter off gives π_0. */
  #start: { readonly weights: FrozenWeights; readonly adapter: Adapter | null } | null;
  #reference: LanguageModel | null = null;

  private constructor(request: PolicyRequest, parts: ComputedParts, chatTemplate: ChatTemplate | null) {
    const { config, tokenizer, weights, adapter, addedTokens } = parts;
    this.folder = request.model;
    this.config = config;
    this.tokenizer = tokenizer;
    this.chatTemplate = chatTemplate;
    this.weights = weights;
    this.adapter = adapter;
    this.mode = request.mode.kind;
    this.tags = request.strategies === undefined ? null : tagsOf(request.strategies, tokenizer);
    this.addedTokens = addedTokens;
    this.#programs = request.programs;
    this.#start = startOf(request, weights, adapter);
    this.#computed = parts.computed;
    this.model = new LanguageModel(
      this.#computed,
      weights,
      adapter && bindAdapter(config, adapter),
      TRAINABLE[this.mode],
      request.programs,
    );
  }

  /**
   * Reads and checks everything before anything is computed.
   * @throws LatroError naming what is missing, damaged, unsupported, mismatched or too large
   */
  static async open(request: PolicyRequest): Promise<Policy> {
    const config = await readModelConfig(request.model);
    const tokenizer = await Tokenizer.load(request.model);
    tokenizer.checkAgainst(config);
    const chatTemplate = await ChatTemplate.load(request.model, tokenizer.specialTokens);
    const adapter = await openAdapter(request, config);
    requireMemory(request.model, policyMemory(config, request, adapter?.config ?? null), availableMemory());
    const weights = await loadFrozenWeights(request.model, config, request.programs.precision ?? 'float32');
    const loaded: PolicyParts = { config, tokenizer, weights, adapter, addedTokens: null };
    const { strategies } = request;
    const parts = await withAddedTokens(request.model, loaded, strategies, strategies?.seed ?? 0);
    const computed = asComputed(parts.config, parts.weights, request.programs, TRAINABLE[request.mode.kind]);
    return new Policy(request, { ...parts, weights: computed.weights, computed: computed.config }, chatTemplate);
  }

  /**
   * Rationales are drawn from the ids below this one while strategies are set: their tags stand where they are put and nowhere else.
   * Undefined: from all, so that a model used without settings says its tags itself.
   */
  get drawnBelow(): number | undefined {
    if (this.tags?.carrier !== 'embedding') return undefined;
    if (this.addedTokens !== null) return this.addedTokens.firstId;
    // A model that knows the tags as tokens of its own: those that a merged export, or full fine-tuning, put at the end.
    const first = this.tags.ids[0]![0]!;
    return first + this.tags.ids.length === this.model.vocabularySize ? first : undefined;
  }

  /** Scores under π_0. */
  get reference(): ReferenceScorer {
    const start = this.#start;
    if (start !== null) return (groups) => this.#referenceModel(start).score(groups);
    return (groups) => this.model.score(groups, { policy: 'reference' });
  }

  /** From now on π_0 is the policy as it is now: what a stage of a chained run begins with. */
  async takeReference(): Promise<void> {
    const trained = await this.model.currentParameters();
    if (this.#start === null) {
      const { adapter } = this;
      const copy = adapter && { ...adapter, tensors: copyTensors(adapter.tensors) };
      this.#start = { weights: this.weights, adapter: copy };
      return;
    }
    // In place: the reference's programs are bound to these buffers.
    const kept = this.mode === 'full' ? (this.#start.weights as Weights) : this.#start.adapter!.tensors;
    for (const [name, { data }] of trained) kept.get(name)!.data.set(data);
    await this.#reference?.programs.refresh(kept.values());
  }

  #referenceModel({
    weights,
    adapter,
  }: {
    readonly weights: FrozenWeights;
    readonly adapter: Adapter | null;
  }): LanguageModel {
    const bound = adapter && bindAdapter(this.config, adapter);
    this.#reference ??= new LanguageModel(this.#computed, weights, bound, 'nothing', this.#programs, this.model);
    return this.#reference;
  }

  async dispose(): Promise<void> {
    await this.model.dispose();
    await this.#reference?.dispose();
  }
}

interface ComputedParts extends PolicyParts {
  readonly computed: ModelConfig;
}

function tagsOf(strategies: ControlTokenSettings, tokenizer: Tokenizer): ControlTokens {
  const encode = (text: string) => tokenizer.encode(text, { addSpecialTokens: false });
  return controlTokens(strategies, { encode, idOf: (text) => tokenizer.idOf(text) });
}

/** What a scoring pass takes at once when nobody says. */
const SCORED_TOKENS = 1024;

/** What opening a policy will take, and using it as it is meant to be used. */
export function policyMemory(config: ModelConfig, request: PolicyRequest, lora: LoraConfig | null): MemoryEstimate {
  const { mode, rows, sequenceLength, tokenBudget, programs } = request;
  const need: MemoryRequest = {
    mode: mode.kind === 'frozen' ? 'inference' : mode.kind,
    format: programs.precision ?? 'float32',
    batchSize: rows,
    sequenceLength,
    stepTokens: Math.max(tokenBudget, SCORED_TOKENS),
    wholePrefill: keepsTensors(programs.device),
    lora,
    recompute: programs.recompute === true,
  };
  const { weights } = estimateMemory(config, need);
  const decodingCopy =
    programs.precision === 'int8' || keepsDecodingCopy(weights, programs.device, TRAINABLE[mode.kind]);
  return estimateMemory(config, { ...need, decodingCopy });
}

export interface MemoryNeed {
  readonly estimate: MemoryEstimate;
  /** Bytes that are free now. */
  readonly available: number;
}

/** The same before anything is loaded, from the folders' configs alone. @throws LatroError as of `Policy.open` for those */
export async function memoryNeed(request: PolicyRequest): Promise<MemoryNeed> {
  const config = await readModelConfig(request.model);
  const lora = request.adapter === null ? loraOf(request.mode) : (await loadAdapter(request.adapter)).config;
  return { estimate: policyMemory(config, request, lora), available: availableMemory() };
}

const loraOf = (mode: PolicyMode): LoraConfig | null => (mode.kind === 'lora' ? mode.lora : null);

async function openAdapter(request: PolicyRequest, config: ModelConfig): Promise<Adapter | null> {
  if (request.adapter !== null) {
    const adapter = await loadAdapter(request.adapter);
    checkAdapterAgainst(config, adapter);
    return adapter;
  }
  if (request.mode.kind !== 'lora') return null;
  return initialiseAdapter(config, { ...request.mode.lora, baseModel: basename(request.model) }, request.mode.seed);
}

export function bindAdapter(config: ModelConfig, adapter: Adapter): BoundAdapter {
  const modules = new Set(targetedModules(config, adapter.config).map(({ module }) => module));
  return {
    shape: {
      rank: adapter.config.rank,
      modules,
      dropout: adapter.config.dropout,
      addedRows: adapter.addedTokens?.texts.length ?? 0,
    },
    tensors: adapter.tensors,
    scale: loraScale(adapter.config),
  };
}

function startOf(request: PolicyRequest, weights: FrozenWeights, adapter: Adapter | null) {
  if (request.mode.kind === 'full') return { weights: copyTensors(weights as Weights), adapter: null };
  const isNew = request.adapter === null && adapter?.addedTokens === undefined;
  if (request.mode.kind === 'lora' && adapter !== null && !isNew) {
    return { weights, adapter: { ...adapter, tensors: copyTensors(adapter.tensors) } };
  }
  return null;
}

function copyTensors(tensors: ReadonlyMap<string, Tensor>): Weights {
  return new Map([...tensors].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));
}
