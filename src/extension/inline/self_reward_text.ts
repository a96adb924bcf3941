/** What the self-rewards beside a row are, and of which tokens: they are read as likelihoods of the answer, and some are not. Pure. */
import type { SelfRewardMade } from '../../protocol/counted_tokens.ts';
import type { L10n } from '../common/l10n.ts';

/** @param made null: an older record that does not say it */
export function selfRewardText(made: SelfRewardMade | null, l10n: L10n): string {
  if (made === null) return l10n.t('An older record: it does not say which tokens its self-reward counts.');
  if (made.kind === 'verifier') return kindText(made.kind, l10n);
  const over =
    made.over === 'answer' ? l10n.t("It counts the answer's own tokens.") : l10n.t('It counts answer and template.');
  const gain = made.subtractNoRationale ? [l10n.t('The same without a rationale is subtracted from it.')] : [];
  return [kindText(made.kind, l10n), over, ...gain].reduce((first, second) => l10n.t('{0} {1}', first, second));
}

function kindText(kind: SelfRewardMade['kind'], l10n: L10n): string {
  switch (kind) {
    case 'log-probability':
    case 'jepo':
      return l10n.t('The self-reward is the log-probability of the gold answer, in nats.');
    case 'probability':
      return l10n.t('The self-reward is the probability of the gold answer.');
    case 'mean-token-probability':
      return l10n.t("The self-reward is the mean probability of the gold answer's tokens.");
    case 'spread-weighted':
      return l10n.t(
        'The self-reward is the log-probability of the gold answer, its tokens weighted by how much they vary.',
      );
    case 'verifier':
      return l10n.t('The self-reward is 1 for a right answer and 0 for a wrong one.');
  }
}
