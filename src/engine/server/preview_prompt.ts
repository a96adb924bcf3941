/** The exact prompt x and answer y of a row under some weights: their templates, their chat template, their tokenizer. */
import type { SelfRewardMade } from '../../protocol/counted_tokens.ts';
import type { PromptPreview, RequestParams } from '../../protocol/engine_rpc.ts';
import { figuresMade } from '../../protocol/figures_made.ts';
import type { RunConfig } from '../../protocol/run_config.ts';
import { OpenQuestion } from './open_question.ts';
import type { QuestionWorld } from './question_world.ts';

export async function previewPrompt(
  params: RequestParams<'previewPrompt'>,
  world: QuestionWorld,
): Promise<PromptPreview> {
  const question = await OpenQuestion.open(world, params);
  const made = rewardMade(question.config);
  const over = made === null || made.kind === 'verifier' ? null : made.over;
  return await question.ask(0, async ({ policy, encoded }) => {
    const { prompt, promptIds, answer, answerIds, answerParts } = encoded;
    const pieces = policy.tokenizer.decodePieces(answerIds);
    const counts = (at: number) => over === 'answer-and-template' || answerParts[at] === over;
    const counted = pieces.filter((_, at) => counts(at));
    return {
      prompt,
      promptTokens: promptIds.length,
      answer,
      answerTokens: answerIds.length,
      made,
      counted: counted.join(''),
      countedTokens: counted.length,
    };
  });
}

/** What stands in a reward of these settings before KL and ratings: where a verifier judges, no likelihood does. */
function rewardMade(config: RunConfig): SelfRewardMade | null {
  if (config.method === 'sft') return null;
  const { kind, over, subtractNoRationale, judgedBy } = figuresMade(config, 1);
  return judgedBy === 'verifier'
    ? { kind: 'verifier', over, subtractNoRationale: false }
    : { kind, over, subtractNoRationale };
}
