/**
 * The tags g^(1) … g^(N) of the N reasoning strategies, and where they stand: right after the prompt's last token (with a chat model
 * the last of its generation prompt), as the first tokens of what the model says:
 *
 *     x ⊕ g^(i) ⊕ z' ⊕ y
 *
 * Two carriers with one interface. `text` spells a tag with ordinary tokens, as the authors' released checkpoints do
 * (`<think1>` is `<th`, `ink`, `1`, `>` to Qwen's tokenizer); `embedding` gives every tag one learned row beside the
 * vocabulary, with the id V + i. Everything else, from prompts to the gradient at the fork, reads only `ids`.
 *
 * A tag is tokenised on its own and its ids are put after the prompt's (ours): the boundary then is where it is meant to be, whatever
 * the text before it, as with the answer segment.
 */
import { LatroError } from '../common/errors.ts';

export type TagCarrier = 'text' | 'embedding';

export interface ControlTokens {
  readonly carrier: TagCarrier;
  /** (N): what each tag reads, 1-based: `<think1>` … */
  readonly texts: readonly string[];
  /** (N, ≥ 1): the token ids of each tag. Text: several ordinary ids; embedding: the single id V + i. */
  readonly ids: readonly (readonly number[])[];
}

/** What of `latro.json` makes the tags. */
export interface ControlTokenSettings {
  /** N ≥ 2. */
  readonly count: number;
  readonly carrier: TagCarrier;
  /** Tag template with `{n}` for the strategy's number, 1-based. */
  readonly tag: string;
}

/** What a tag's text is turned into ids with. */
export interface TagTokenizer {
  readonly encode: (text: string) => readonly number[];
  /** The id of the one token that reads so; null: there is none. */
  readonly idOf: (text: string) => number | null;
}

/** (N): the tags' texts. One token needs no line break to end it, so those of carrier `embedding` have no white space around them. */
export function tagTexts({ count, carrier, tag }: ControlTokenSettings): string[] {
  const texts = Array.from({ length: count }, (_, i) => tag.replaceAll('{n}', String(i + 1)));
  return carrier === 'embedding' ? texts.map((text) => text.trim()) : texts;
}

/**
 * @param tokenizer with the tags among its tokens when they are learned rows
 * @throws LatroError `config-invalid` when two tags have the same tokens, or one has none
 */
export function controlTokens(settings: ControlTokenSettings, tokenizer: TagTokenizer): ControlTokens {
  const { count, carrier, tag } = settings;
  const texts = tagTexts(settings);
  if (carrier === 'embedding') {
    const ids = texts.map((text) => {
      const id = tokenizer.idOf(text);
      if (id === null) throw new Error(`the tag ${text} has no token`);
      return [id];
    });
    return { carrier, texts, ids };
  }
  const ids = texts.map((text) => tokenizer.encode(text));
  if (ids.some((tokens) => tokens.length === 0) || new Set(ids.map((tokens) => tokens.join(' '))).size < count) {
    throw new LatroError(
      'config-invalid',
      `With strategies.tag = ${JSON.stringify(tag)} the model's tokenizer cannot tell the ${count} strategies apart.`,
      'Put characters into the tag that the tokenizer knows, or set strategies.carrier to "embedding".',
    );
  }
  return { carrier, texts, ids };
}
