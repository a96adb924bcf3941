/**
 * Every text of the panels, in English; the host may send a table in another language (the same keys). `{0}`, `{1}` … are filled in.
 * `shell`, `action` and `diff` serve all panels; the rest belongs to the panel it is named after (the side panel's: `strings_rationale.ts`).
 */
import { rationaleStrings } from './strings_rationale.ts';

const english = {
  cancel: 'Cancel',
  openRow: 'Go to this row in the dataset',
  sorts: 'Press to sort; press again to turn the order round.',
  right: 'right',
  wrong: 'wrong',
  'shell.loading': 'Loading…',
  'shell.misfit': 'This panel and the extension do not understand each other ({0}). Reload the window.',
  'action.open-log': 'Open log',
  'action.retry': 'Try again',
  'action.choose-model': 'Choose model folder…',
  'action.open-dataset': 'Open a dataset…',
  'action.train': 'Train on this dataset',
  'action.evaluate': 'Evaluate',
  'action.resume-run': 'Resume run',
  'action.manage-trust': 'Manage workspace trust',
  'checkpoint.base': 'base',
  'checkpoint.step': 'step {0}',
  'diff.removed': 'only before',
  'diff.added': 'only now',
  ...rationaleStrings,

  'dashboard.status.queued': 'waiting for the run before it',
  'dashboard.status.running': 'running',
  'dashboard.status.pausing': 'pausing after this update',
  'dashboard.status.paused': 'paused',
  'dashboard.status.stopping': 'stopping after this update',
  'dashboard.status.stopped': 'stopped, saved',
  'dashboard.status.finished': 'finished',
  'dashboard.status.failed': 'failed',
  'dashboard.status.interrupted': 'interrupted',
  'dashboard.started': 'started {0}',
  'dashboard.ratings': 'Ratings in use: {0} approved and learned, {1} that change a reward, {2} of other rows',
  'dashboard.phases': 'Phases',
  'dashboard.phase.preparing': 'Prepare',
  'dashboard.phase.evaluating-before': 'Evaluate before',
  'dashboard.phase.training': 'Train',
  'dashboard.phase.evaluating-after': 'Evaluate after',
  'dashboard.phase.finished': 'Finished',
  'dashboard.progress': 'Progress',
  'dashboard.progress.updates': 'update {0} of {1}',
  'dashboard.progress.questions': 'question {0} of {1}',
  'dashboard.rate.second.updates': '{0} updates/s',
  'dashboard.rate.minute.updates': '{0} updates/min',
  'dashboard.rate.second.questions': '{0} questions/s',
  'dashboard.rate.minute.questions': '{0} questions/min',
  'dashboard.elapsed': '{0} elapsed',
  'dashboard.left': '{0} left',
  'dashboard.controls': 'Run controls',
  'dashboard.pause': 'Pause',
  'dashboard.continue': 'Continue',
  'dashboard.stop': 'Stop and save',
  'dashboard.resume': 'Resume',
  'dashboard.rollBack': 'Roll back…',
  'dashboard.rollBack.text':
    'The run goes back to a checkpoint. Later checkpoints, rollouts and evaluations are removed; the updates are done again when it resumes. Ratings and notes stay.',
  'dashboard.rollBack.to': 'Checkpoint to go back to',
  'dashboard.rollBack.do': 'Roll back to step {0}',
  'dashboard.export': 'Export…',
  'dashboard.export.text': 'What to export',
  'dashboard.export.adapter': 'Adapter (PEFT)',
  'dashboard.export.merged': 'Merged model',
  'dashboard.export.metrics-csv': 'Metrics as CSV',
  'dashboard.export.report': 'Report as Markdown',
  'dashboard.accuracy.validation': 'Validation accuracy',
  'dashboard.accuracy.test': 'Test accuracy',
  'dashboard.accuracy.other': 'Accuracy',
  'dashboard.accuracy.of': '{0} points, {1} → {2}, {3} questions, greedy',
  'dashboard.compare': 'Compare question by question',
  'dashboard.strategies': 'Strategies',
  'dashboard.strategies.strategy': 'strategy',
  'dashboard.strategies.standings': 'How each strategy does',
  'dashboard.strategies.highest': ', the highest',
  'dashboard.strategies.measure': 'Measure shown of every strategy',
  'dashboard.strategies.consensus': 'vote over strategies {0} right',
  'dashboard.strategies.information': 'tag information {0} of {1} nats',
  'dashboard.strategies.entropy': 'entropy of the tags {0} of {1} nats',
  'dashboard.strategies.probability': 'Probability',
  'dashboard.strategies.probability.text':
    "How likely the model itself opens a rationale with this strategy's tag: mean p_i over the questions of an update, renormalised among the tags.",
  'dashboard.strategies.reward': 'Reward',
  'dashboard.strategies.reward.text': 'Mean reward of the rationales sampled under the tag, in nats.',
  'dashboard.strategies.correctShare': 'Right',
  'dashboard.strategies.correctShare.text': 'Share of the rationales sampled under the tag whose answer is right.',
  'dashboard.strategies.tokens': 'Length',
  'dashboard.strategies.tokens.text': 'Mean number of tokens of the rationales sampled under the tag.',
  'dashboard.strategies.accuracy': 'Accuracy',
  'dashboard.strategies.accuracy.text':
    'Share of the held-out questions that the greedy output under the tag gets right, in the newest evaluation.',
  'dashboard.strategies.chosen': 'Chosen',
  'dashboard.strategies.chosen.text':
    'Share of the held-out questions for which the model finds this strategy the likeliest.',
  'dashboard.strategies.onlyRight': 'Only one right',
  'dashboard.strategies.onlyRight.text': 'Held-out questions that this strategy gets right and every other gets wrong.',
  'dashboard.strategies.best': 'Best',
  'dashboard.strategies.best.text': 'Held-out questions on which this strategy makes the gold answer the likeliest.',
  'dashboard.strategies.matching': 'Who learns from whom',
  'dashboard.strategies.matching.text':
    "Share of each source's traces that were matched with a strategy. A source is whoever wrote the trace in the dataset or, for sampled traces, the strategy that sampled it (0: no tag). One bold cell per column: strategies specialise; even columns: the matching is chance.",
  'dashboard.strategies.matchingEntropy': 'entropy of the matching {0} of {1} nats',
  'dashboard.strategies.source': 'source of the trace',
  'dashboard.strategies.steps': 'steps {0} to {1}',
  'dashboard.strategies.winners': 'Right where another is wrong',
  'dashboard.strategies.winners.text':
    "Held-out questions right under the row's strategy and wrong under the column's; on the diagonal all that are right under it.",
  'dashboard.strategies.winners.note': '{0}, {1} questions, {2} right under none',
  'dashboard.strategies.wrongUnder': 'wrong under',
  'dashboard.warning': 'Warning {0}, from step {1} on: {2}',
  'dashboard.health': 'Health',
  'dashboard.charts': 'Curves',
  'dashboard.charts.hint':
    ' · click a step, or press Enter on it, to open its rollouts · ⚠ a health warning began · ┊ the run was continued',
  'dashboard.noData': 'none yet',
  'dashboard.table': 'Table: {0}',
  'dashboard.step': 'step',
  'dashboard.openStep': 'Open the rollouts of this step',
  'dashboard.valueAt': 'step {0}: {1}',
  'dashboard.tokens': '{0} tokens',
  'dashboard.chart.reward': 'Reward',
  'dashboard.chart.reward.text':
    'Mean over all rationales of the update, in nats: the log-probability of the gold answer, less the KL share.',
  'dashboard.chart.accuracy.text': 'Share of {0} held-out questions whose greedy answer is right.',
  'dashboard.chart.kl': 'KL to the reference',
  'dashboard.chart.kl.text':
    'Mean over rationales, in nats, before β: how far the model has moved from where it started.',
  'dashboard.chart.advantageSpread': 'Advantage spread',
  'dashboard.chart.advantageSpread.text':
    'Standard deviation of the advantages. Near zero the rationales of a question are all alike and there is nothing to learn.',
  'dashboard.chart.rationaleLength': 'Rationale length',
  'dashboard.chart.rationaleLength.text':
    'Mean number of tokens. A steady fall can mean that the model learns to guess.',
  'dashboard.chart.finishedShare': 'Finished share',
  'dashboard.chart.finishedShare.text':
    'Share of rationales that ended by themselves before the longest length allowed.',
  'dashboard.chart.loss': 'Loss',
  'dashboard.chart.loss.text':
    'The surrogate that is minimised: −A·log π(z | x) − log π(y | x, z). Its height means little; jumps mean trouble.',
  'dashboard.chart.gradientNorm': 'Gradient norm',
  'dashboard.chart.gradientNorm.text': 'Joint 2-norm over all trained tensors, before clipping.',
  'dashboard.chart.memory': 'Memory',
  'dashboard.chart.memory.text': 'Resident memory of the engine process.',

  'accuracy.title': 'Accuracy diff',
  'accuracy.paired': '{0} questions, greedy',
  'accuracy.choose': 'Choose evaluations…',
  'accuracy.swap': 'Swap',
  'accuracy.markdown': 'Markdown',
  'accuracy.csv': 'CSV',
  'accuracy.summary': 'Before and after',
  'accuracy.points': '{0} points',
  'accuracy.interval': '95 % interval {0} … {1}',
  'accuracy.interval.title': '95 % interval of the difference',
  'accuracy.interval.text':
    'For paired questions, in points: only questions whose outcome changed carry information. If it contains 0, the change may be chance.',
  'accuracy.interval.described': 'Difference {0} points, 95 % interval from {1} to {2}.',
  'accuracy.mcnemar': 'exact McNemar p = {0}',
  'accuracy.mcnemar.title': 'Exact McNemar test',
  'accuracy.mcnemar.text':
    'How often a fair coin would split the questions that changed as unevenly as this, if fixing and breaking were equally likely.',
  'accuracy.unpaired': '{0} questions are in both evaluations. Left out: {1} only before, {2} only after.',
  'accuracy.differences': 'Not the weights alone differ: {0}',
  'accuracy.outcomes': 'Questions by outcome before and after',
  'accuracy.sideRight': '{0} right',
  'accuracy.sideWrong': '{0} wrong',
  'accuracy.same': 'Same',
  'accuracy.outcome.all': 'All',
  'accuracy.outcome.fixed': 'Fixed',
  'accuracy.outcome.broken': 'Broken',
  'accuracy.outcome.both-wrong': 'Still wrong',
  'accuracy.outcome.both-right': 'Still right',
  'accuracy.metrics': 'Other measures before and after',
  'accuracy.metrics.all': 'Of all {0} questions before and all {1} after',
  'accuracy.change': 'change',
  'accuracy.maj.text': 'Accuracy of the majority vote of {0} samples per question.',
  'accuracy.pass.text': 'Share of questions with at least one right answer among {0} samples (unbiased estimate).',
  'accuracy.sampled': 'samples right',
  'accuracy.sampled.text': 'Share of single samples that are right.',
  'accuracy.logProb.text':
    'Mean log-probability of the gold answer after the greedy rationale, in nats: the self-reward on these questions.',
  'accuracy.bare.text': 'Mean log-probability of the gold answer without any rationale, in nats: a bare guess.',
  'accuracy.length': 'rationale length',
  'accuracy.length.text': 'Mean number of tokens of the greedy rationales.',
  'accuracy.finished': 'finished',
  'accuracy.finished.text': 'Share of greedy rationales that ended by themselves.',
  'accuracy.filter.outcome': 'Filter by outcome',
  'accuracy.filter.text': 'Filter by text or answer',
  'accuracy.filter.change': 'Filter by change of log p',
  'accuracy.filter.change.any': 'any log p change',
  'accuracy.filter.change.rose': 'log p rose',
  'accuracy.filter.change.fell': 'log p fell',
  'accuracy.listed': '{0} of {1} questions',
  'accuracy.nothing': 'No question fits these filters.',
  'accuracy.more': 'Show more ({0} left)',
  'accuracy.questions': 'Compared questions',
  'accuracy.column.line': 'line',
  'accuracy.column.question': 'question',
  'accuracy.column.gold': 'gold',
  'accuracy.column.before': 'before',
  'accuracy.column.after': 'after',
  'accuracy.column.logBefore': 'log p before',
  'accuracy.column.logAfter': 'log p after',
  'accuracy.column.change': 'change',
  'accuracy.gold': 'gold answer {0}',
  'accuracy.side': 'log p {0} · {1} tokens',
  'accuracy.cut': 'cut off',
  'accuracy.tally': '{0} samples:',
} as const;

export type StringKey = keyof typeof english;
export const defaultStrings: Readonly<Record<StringKey, string>> = english;

let table: Readonly<Record<string, string>> = english;

/** Puts a localised table over the English one. */
export function setStrings(localised: Readonly<Record<string, string>>): void {
  table = { ...english, ...localised };
}

export function t(key: StringKey, ...values: readonly (string | number)[]): string {
  return (table[key] ?? english[key]).replaceAll(/\{(\d)\}/g, (_, index: string) =>
    String(values[Number(index)] ?? ''),
  );
}

/** 'step-40' as people read it. */
export function checkpointLabel(name: string): string {
  return name === 'base' ? t('checkpoint.base') : t('checkpoint.step', name.slice('step-'.length));
}
