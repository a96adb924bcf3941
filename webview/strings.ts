/**
 * Every text of the panels, in English; the host may send a table in another language (the same keys). `{0}`, `{1}` … are filled in.
 * `shell`, `action` and `diff` serve all panels; the rest belongs to the panel it is named after.
 */
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

  'rationale.empty.no-dataset': 'No dataset open',
  'rationale.empty.no-dataset.text':
    'Open a .jsonl or .json dataset and put the cursor on a question to see its rationales.',
  'rationale.empty.no-row': 'No question under the cursor',
  'rationale.empty.no-row.text': 'Put the cursor on a row of the dataset.',
  'rationale.empty.bad-row': 'This row has no question or answer',
  'rationale.empty.bad-row.text': 'The Problems view says what is missing; runs skip the row until it is mended.',
  'rationale.empty.no-model': 'No model chosen',
  'rationale.empty.no-model.text':
    'Choose a model folder (config.json, safetensors, tokenizer.json) to sample rationales with.',
  'rationale.empty.untrusted': 'This workspace is not trusted',
  'rationale.empty.untrusted.text':
    'Datasets can be looked at and checked; sampling and training need a trusted workspace.',
  'rationale.gold': 'Gold answer',
  'rationale.weights': 'Weights that sampled the rationales',
  'rationale.against': 'compared with',
  'rationale.comparison': 'Weights to compare with',
  'rationale.noComparison': 'nothing',
  'rationale.notSampledYet': '{0} (not sampled yet)',
  'rationale.summary': 'Self-rewards at a glance',
  'rationale.right': '{0} of {1} right',
  'rationale.was': ' was {0} of {1}',
  'rationale.mean': 'mean self-reward',
  'rationale.mean.title': 'Mean self-reward of the K rationales',
  'rationale.mean.text':
    'In nats; 0 would be certainty of the gold answer. The arrow is the change against the compared weights.',
  'rationale.mean.bare':
    'In nats; 0 would be certainty. Without any rationale log p(y | x) is {0}. The arrow is the change against the compared weights.',
  'rationale.strip.lane': '{0}: {1} of {2} right, mean self-reward {3}.',
  'rationale.strip.selected': 'Rationale {0}: reward {1}, leave-one-out baseline {2}, advantage {3}.',
  'rationale.strip.legend':
    'log p(answer | question, rationale): ● right, ✕ wrong. Arrow: from the leave-one-out baseline of rationale {0} to its reward.',
  'rationale.sampleOf': 'Rationale {0}, {1}',
  'rationale.wordDiff': 'Word diff',
  'rationale.none': 'No rationales for this question under these weights yet.',
  'rationale.none.cannot': 'No rationales for this question yet. Choose a model to sample some.',
  'rationale.table': 'Rationales',
  'rationale.column.sample': 'answer',
  'rationale.column.sample.long': 'sample number',
  'rationale.column.selfReward': 'self-reward',
  'rationale.column.kl': 'KL',
  'rationale.column.baseline': 'baseline',
  'rationale.column.advantage': 'adv.',
  'rationale.column.length': 'tok',
  'rationale.sampleWord': 'Rationale',
  'rationale.noStrategy': 'no strategy',
  'rationale.strategy': 'strategy {0}',
  'rationale.group': '{0} of {1} right, mean self-reward {2}',
  'rationale.answerRight': 'answer {0}, right',
  'rationale.answerWrong': 'answer {0}, wrong',
  'rationale.noAnswer': 'none found',
  'rationale.emptyText': 'Empty rationale: the model went straight to the answer.',
  'rationale.selfReward': 'Self-reward',
  'rationale.selfReward.numbers': '{0} = {1} (answer) + {2} (template)',
  'rationale.selfReward.text':
    'How likely the model makes the gold answer after this rationale, in nats: p = {0}. 0 is certainty. This is the reward before the KL share is taken off.',
  'rationale.kl': 'KL share',
  'rationale.kl.text':
    'How much more likely this rationale has become than under the frozen reference, times β. It is subtracted from the reward, so the model stays close to where it started.',
  'rationale.baseline': 'Leave-one-out baseline',
  'rationale.baseline.text':
    'Mean reward of the other rationales of this question: what could be expected without this one.',
  'rationale.advantage': 'Advantage',
  'rationale.advantage.more': 'Better than its siblings: the update makes this rationale more likely.',
  'rationale.advantage.less': 'Worse than its siblings: the update makes this rationale less likely.',
  'rationale.truncation': 'truncation penalty',
  'rationale.bonus': 'rating',
  'rationale.length': 'Length',
  'rationale.stop.end-token': '{0} tokens, ended by itself',
  'rationale.stop.stop-phrase': '{0} tokens, ended where the answer begins',
  'rationale.stop.length': '{0} tokens, cut off at the longest length allowed',
  'rationale.cut': 'cut off',
  'rationale.token': 'Rationale token {0}',
  'rationale.token.weight': 'Weight in the update: A = {0}, the same for every token of this rationale.',
  'rationale.token.prefix': 'With the rationale up to here, log p(y | x, z≤t) = {0} (p = {1}).',
  'rationale.answerToken': 'Answer token {0}',
  'rationale.templateToken': 'Template token {0}',
  'rationale.answerToken.unscored': 'Not scored without the rationale.',
  'rationale.answerToken.without': 'Without the rationale: {0} (p = {1}). The rationale is worth {2}.',
  'rationale.endToken': '⟨end⟩',
  'rationale.heat': 'What the reward is made of',
  'rationale.heat.answer': 'answer',
  'rationale.heat.template': 'template',
  'rationale.heat.gain': 'without {0}, gain {1}',
  'rationale.heat.with': 'log p given this rationale',
  'rationale.heat.without': 'without any rationale',
  'rationale.prefix': 'Where the answer becomes clear',
  'rationale.prefix.text':
    "The curve is the gold answer's log-probability when the rationale is cut off there; the dashed line is where it goes above 50 % to stay.",
  'rationale.prefix.clear': 'Answer clear from {1}, token {0}',
  'rationale.prefix.always': 'Answer clear before the first token',
  'rationale.prefix.never': 'Answer never clear: p stays below 50 %',
  'rationale.prefix.described': 'log p of the answer along the rationale, from {0} to {1}. {2}.',
  'rationale.trace': 'Show where the answer becomes clear',
  'rationale.legend': 'Token p',
  'rationale.legend.expected': '≥ 90 %',
  'rationale.legend.likely': '≥ 50 %',
  'rationale.legend.unsure': '≥ 10 %',
  'rationale.legend.surprising': '< 10 %',
  'rationale.pinned': 'pinned',
  'rationale.edited': 'edited by you',
  'rationale.sampledAgain': 'sampled again',
  'rationale.origin.edited': 'Written by you and scored, not sampled',
  'rationale.origin.step': 'sampled at step {0}',
  'rationale.origin.seed': 'seed {0}',
  'rationale.origin.temperature': 'temperature {0}',
  'rationale.rate': 'Rate this rationale',
  'rationale.rate.useful': 'Useful',
  'rationale.rate.wrong': 'Wrong',
  'rationale.rate.leaks': 'Leaks answer',
  'rationale.note': 'Note',
  'rationale.note.add': 'Add note',
  'rationale.note.edit': 'Edit note',
  'rationale.note.save': 'Save',
  'rationale.actions': 'Actions',
  'rationale.edit': 'Edit',
  'rationale.edit.label': 'Change the rationale, then score it under the same weights',
  'rationale.edit.score': 'Score again',
  'rationale.pin': 'Pin',
  'rationale.copy': 'Copy',
  'rationale.openRollout': 'Open rollout',
  'rationale.sampleAgain': 'Sample again',
  'rationale.sampleNow': 'Sample',
  'rationale.field.k': 'K',
  'rationale.field.temperature': 'Temperature',
  'rationale.field.seed': 'Seed',
  'rationale.field.k.wrong': 'K must be a whole number from 2 to 64: a baseline needs another rationale.',
  'rationale.field.temperature.wrong': 'Temperature must be between 0 and 5.',
  'rationale.field.seed.wrong': 'The seed must be a whole number, 0 or more.',
  'rationale.activity.sampling': 'Sampling rationale {0} of {1}',
  'rationale.activity.scoring': 'Scoring {0} of {1}',
  'rationale.activity.tracing': 'Scoring prefix {0} of {1}',
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
