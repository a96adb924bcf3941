/** The exact prompt x and answer y of a row under some weights: their templates, their chat template, their tokenizer. */
import type { PromptPreview, RequestParams } from '../../protocol/engine_rpc.ts';
import { OpenQuestion } from './open_question.ts';
import type { QuestionWorld } from './question_world.ts';

export async function previewPrompt(
  params: RequestParams<'previewPrompt'>,
  world: QuestionWorld,
): Promise<PromptPreview> {
  const question = await OpenQuestion.open(world, params);
  return await question.ask(0, async ({ encoded: { prompt, promptIds, answer, answerIds } }) => ({
    prompt,
    promptTokens: promptIds.length,
    answer,
    answerTokens: answerIds.length,
  }));
}
