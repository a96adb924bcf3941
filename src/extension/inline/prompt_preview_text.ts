/** A prompt and its answer as a document: texts between rules that name them, exact to the character. Pure. */
import type { PromptPreview } from '../../protocol/engine_rpc.ts';
import type { L10n } from '../common/l10n.ts';
import { selfRewardText } from './self_reward_text.ts';

export function promptPreviewText(preview: PromptPreview, l10n: L10n): string {
  const { prompt, promptTokens, answer, answerTokens, made, counted, countedTokens } = preview;
  const rule = (title: string) => `──── ${title} ────`;
  const isPart = countedTokens > 0 && countedTokens < answerTokens;
  return [
    rule(l10n.t('prompt x, {0} tokens', promptTokens)),
    prompt,
    rule(l10n.t('here the model writes its rationale z')),
    rule(l10n.t('answer y, {0} tokens', answerTokens)),
    answer,
    ...(isPart ? [rule(l10n.t('counted in the reward, {0} of {1} tokens', countedTokens, answerTokens)), counted] : []),
    rule(l10n.t('end')),
    made === null
      ? l10n.t('There is no self-reward: supervised fine-tuning learns the completion that the dataset gives.')
      : selfRewardText(made, l10n),
    '',
  ].join('\n');
}
