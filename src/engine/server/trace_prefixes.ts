/**
 * How the answer's likelihood grows along a rationale: log π(y | x ⊕ z_≤t) for growing t, over the tokens of y that the reward counts,
 * so that the last value is the rationale's self-reward. Prompt and rationale run once; every prefix then shares their keys and values
 * and costs the few tokens of y.
 */
import type { RequestParams } from '../../protocol/engine_rpc.ts';
import type { PrefixScore } from '../../protocol/rationale_messages.ts';
import { throwIfCancelled } from '../common/errors.ts';
import { countedLogProbs, type RewardOver, splitParts, sum } from '../latro/reward.ts';
import type { JobContext } from './engine_service.ts';
import { type Asked, OpenQuestion, promptUnder } from './open_question.ts';
import type { QuestionWorld } from './question_world.ts';

/** Points of the curve; more than a person can tell apart cost memory only. */
const MOST_PREFIXES = 48;
/** Fewer sentence ends than this say too little: prefixes then stand at equal distances. */
const FEWEST_SENTENCES = 4;
/** Prefixes scored together. */
const ROWS = 16;

export async function tracePrefixes(
  params: RequestParams<'tracePrefixes'>,
  context: JobContext,
  world: QuestionWorld,
): Promise<{ scores: PrefixScore[] }> {
  const question = await OpenQuestion.open(world, params);
  const scores = await question.ask(
    ({ tokenizer }) => tokenizer.encode(params.text, { addSpecialTokens: false }).length,
    (asked) =>
      trace(
        { ...asked, encoded: promptUnder(asked, params.strategy) },
        params.text,
        question.config.reward.over,
        context.signal,
      ),
  );
  return { scores };
}

async function trace(
  { policy, encoded }: Asked,
  text: string,
  over: RewardOver,
  signal: AbortSignal,
): Promise<PrefixScore[]> {
  const { model, tokenizer } = policy;
  const { promptIds, answerIds, answerParts } = encoded;
  const ids = tokenizer.encode(text, { addSpecialTokens: false });
  const sequence = [...promptIds, ...ids];
  const contextLength = sequence.length + answerIds.length;
  const cache = model.newCache(1);
  try {
    await model.extend(cache, [sequence], contextLength);
    const prefixes = prefixLengths(tokenizer.decodePieces(ids));
    const scores: PrefixScore[] = [];
    for (let start = 0; start < prefixes.length; start += ROWS) {
      throwIfCancelled(signal);
      const batch = prefixes.slice(start, start + ROWS);
      const rows = await cache.extract(batch.map(() => 0));
      const fresh = batch.map((tokens, row) => {
        // The prediction of y_1 needs its predecessor's hidden state: the last token before it runs again.
        const last = promptIds.length + tokens - 1;
        rows.truncate(row, last);
        return [sequence[last]!, ...answerIds];
      });
      const wanted = batch.map(() => answerIds.length);
      const logProbs = await model.scoreOnCache(rows, fresh, wanted, contextLength);
      rows.dispose();
      batch.forEach((tokens, row) => {
        const counted = countedLogProbs(splitParts(logProbs[row]!, answerParts), over);
        scores.push({ tokens, logProb: sum(counted) });
      });
    }
    return scores;
  } finally {
    cache.dispose();
  }
}

/** Where to look: the beginning, the end, and between them the ends of sentences and lines, or every few tokens. Rising. */
export function prefixLengths(pieces: readonly string[]): number[] {
  const ends = pieces.flatMap((piece, i) => {
    const next = pieces[i + 1];
    const endsLine = piece.includes('\n') && next?.startsWith('\n') !== true;
    const endsSentence = /[.!?]["')]?$/.test(piece) && next !== undefined && /^\s/.test(next) && !next.startsWith('\n');
    return endsLine || endsSentence ? [i + 1] : [];
  });
  const inner = ends.length >= FEWEST_SENTENCES ? ends : Array.from({ length: pieces.length }, (_, i) => i + 1);
  return [...new Set([0, ...thinnedOut(inner, MOST_PREFIXES), pieces.length])];
}

/** At most `most` of the values, evenly spread. */
function thinnedOut(values: readonly number[], most: number): number[] {
  const stride = Math.ceil(values.length / most);
  return values.filter((_, i) => (i + 1) % stride === 0);
}
