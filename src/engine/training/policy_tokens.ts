/** Learned rows of control tokens (carrier `embedding`), put where a policy keeps what it trains: in its adapter, else in its weights. */
import { LatroError } from '../common/errors.ts';
import { type ControlTokenSettings, tagTexts } from '../forking/control_tokens.ts';
import type { Adapter } from '../model/adapter.ts';
import { type AddedTokens, appendRows, initialiseAddedRows } from '../model/added_tokens.ts';
import type { ModelConfig } from '../model/config.ts';
import { Tokenizer } from '../model/tokenizer.ts';
import type { FrozenWeights } from '../model/weights.ts';

/** What a policy is made of that depends on its vocabulary. */
export interface PolicyParts {
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  readonly weights: FrozenWeights;
  readonly adapter: Adapter | null;
  /** Tokens beside the vocabulary of the model folder; null: none. */
  readonly addedTokens: AddedTokens | null;
}

/**
 * The tokens that an adapter brings, or new ones for the tags. A model that knows every tag as a token, such as a merged export,
 * needs no rows: full fine-tuning trains those it has, an adapter leaves them as they are.
 * @param parts as the folder `model` has them, `addedTokens` null
 * @param seed of the rows' first values
 * @throws LatroError `adapter-mismatch` when the adapter has rows for other tags, `tokenizer-mismatch` when only some tags are known
 */
export async function withAddedTokens(
  model: string,
  parts: PolicyParts,
  strategies: ControlTokenSettings | undefined,
  seed: number,
): Promise<PolicyParts> {
  const wanted = strategies?.carrier === 'embedding' ? tagTexts(strategies) : [];
  const known = parts.adapter?.addedTokens;
  if (known !== undefined) {
    if (wanted.some((text) => !known.texts.includes(text))) {
      throw new LatroError(
        'adapter-mismatch',
        `The adapter has tokens for ${known.texts.join(' ')}, but the strategies ask for ${wanted.join(' ')}.`,
        'Set strategies.count and strategies.tag as in the run that trained the adapter.',
      );
    }
    return { ...parts, tokenizer: await Tokenizer.load(model, known), addedTokens: known };
  }
  if (wanted.every((text) => parts.tokenizer.idOf(text) !== null)) return parts;

  const addedTokens = { texts: wanted, firstId: parts.config.vocabSize };
  const tokenizer = await Tokenizer.load(model, addedTokens);
  const pieces = (text: string): number[] => parts.tokenizer.encode(text, { addSpecialTokens: false });
  const rows = initialiseAddedRows(parts.config, parts.weights, wanted, pieces, seed);
  const { adapter } = parts;
  if (adapter === null) {
    return { ...appendRows(parts.config, parts.weights, rows), tokenizer, adapter, addedTokens };
  }
  return {
    ...parts,
    tokenizer,
    adapter: { ...adapter, addedTokens, tensors: new Map([...adapter.tensors, ...rows]) },
    addedTokens,
  };
}
