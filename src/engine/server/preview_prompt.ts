/** The exact prompt x and answer y of a row under some weights: their templates, their chat template, their tokenizer. */
import type { PromptPreview, RequestParams } from '../../protocol/engine_rpc.ts';
import { OpenQuestion, type QuestionWorld } from './open_question.ts';

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
