/** The question, which weights are shown and compared, and all self-rewards at one look. */
import { drawOf, sameDraw, samplesOf } from '../src/protocol/rationale_draw.ts';
import type { CheckpointOption, RationaleSet } from '../src/protocol/rationale_messages.ts';
import type { RationaleRecord } from '../src/protocol/records.ts';
import { differenceShown } from './difference.ts';
import { type Child, h, type VNode } from './dom.ts';
import { fixed } from './format.ts';
import { groupByStrategy, keptOf, meanSelfReward, ownOf, rightCount, shownOrder } from './rationale_figures.ts';
import type { RationaleContext } from './rationale_state.ts';
import { withoutRationale } from './reward_tips.ts';
import { strategyName } from './strategy_style.ts';
import { checkpointLabel, t } from './strings.ts';
import { type Lane, stripPlot } from './strip_plot.ts';
import { dropdown } from './toolkit.ts';
import { explained } from './tooltip.ts';

const NONE = 'none';

export function questionHeader({ snapshot, send }: RationaleContext): VNode {
  const { dataset, line, rowKey, question, goldAnswer, run, runs } = snapshot;
  return h(
    'header',
    { key: 'header', class: 'question' },
    h(
      'div',
      { class: 'where' },
      h(
        'button',
        {
          type: 'button',
          class: 'plain link',
          title: t('openRow'),
          on: { click: () => send({ type: 'open-row', rowKey, line }) },
        },
        h('bdi', null, dataset),
        `:${line}`,
      ),
      run === null || runs.length > 1 ? null : h('span', { class: 'dim run' }, h('bdi', null, run)),
    ),
    h('h1', { class: 'question-text', dir: 'auto' }, question),
    h('p', { class: 'gold' }, t('rationale.gold'), ' ', h('strong', { class: 'answer', dir: 'auto' }, goldAnswer)),
    runRow({ snapshot, send }),
    checkpointRow({ snapshot, send }),
    otherDraw({ snapshot, send }),
  );
}

/** Where there is nothing to choose, the run stands beside the file. */
function runRow({ snapshot: { run, runs, rowKey }, send }: Pick<RationaleContext, 'snapshot' | 'send'>): Child {
  if (run === null || runs.length < 2) return null;
  return h(
    'div',
    { class: 'checkpoints' },
    dropdown({
      label: t('rationale.run'),
      value: run,
      choices: runs.map((id) => ({ value: id, text: id })),
      onChoose: (chosen) => chosen !== run && send({ type: 'choose-run', rowKey, run: chosen }),
    }),
  );
}

function checkpointRow({ snapshot, send }: Pick<RationaleContext, 'snapshot' | 'send'>): Child {
  const { checkpoints, current, comparison, rowKey } = snapshot;
  if (checkpoints.length === 0) return null;
  const shown = current?.checkpoint ?? checkpoints.at(-1)?.name ?? '';
  const previous = snapshot.stages.find(({ role }) => role === 'previous')?.checkpoint;
  const choices = checkpoints.map((option) => ({ value: option.name, text: optionText(option, previous) }));
  const others = choices.filter((choice) => choice.value !== shown);
  return h(
    'div',
    { class: 'checkpoints' },
    dropdown({
      label: t('rationale.weights'),
      value: shown,
      choices,
      onChoose: (checkpoint) => checkpoint !== shown && send({ type: 'choose-checkpoint', rowKey, checkpoint }),
    }),
    others.length === 0
      ? null
      : [
          h('span', { class: 'dim' }, t('rationale.against')),
          dropdown({
            label: t('rationale.comparison'),
            value: comparison?.checkpoint ?? NONE,
            choices: [{ value: NONE, text: t('rationale.noComparison') }, ...others],
            onChoose: (value) => {
              const checkpoint = value === NONE ? null : value;
              if (checkpoint === (comparison?.checkpoint ?? null)) return;
              send({ type: 'choose-comparison', rowKey, checkpoint });
            },
          }),
        ],
  );
}

function optionText(option: CheckpointOption, previous: string | undefined): string {
  const label = checkpointLabel(option.name);
  const name = option.name === previous ? t('rationale.previousCheckpoint', label) : label;
  return option.sampled ? name : t('rationale.notSampledYet', name);
}

/** Rationales are paired by their number: says so where the numbers were not drawn alike, and offers to draw them so. */
function otherDraw({ snapshot, send }: Pick<RationaleContext, 'snapshot' | 'send'>): Child {
  const { current, comparison, checkpoints, rowKey, activity, canSample } = snapshot;
  if (!current || !comparison || sameDraw(drawOf(current), drawOf(comparison))) return null;
  const { checkpoint } = comparison;
  const label = checkpointLabel(checkpoint);
  const atHand = checkpoints.find(({ name }) => name === checkpoint)?.canSample === true;
  return h(
    'p',
    { class: 'dim other-draw' },
    t('rationale.otherDraw'),
    ' ',
    !canSample
      ? null
      : !atHand
        ? t('rationale.notKept', label)
        : h(
            'button',
            {
              type: 'button',
              class: 'plain link',
              'aria-disabled': activity === null ? undefined : true,
              on: { click: () => activity === null && send({ type: 'sample-alike', rowKey, checkpoint }) },
            },
            t('rationale.sampleAlike', label),
          ),
  );
}

export function rewardSummary(context: RationaleContext, set: RationaleSet): VNode {
  const { snapshot, state, change } = context;
  const { comparison } = snapshot;
  const now = samplesOf(set.rationales);
  const before = comparison ? samplesOf(comparison.rationales) : [];
  const mean = meanSelfReward(now);
  const meanBefore = meanSelfReward(before);
  const selected =
    set.rationales.find(({ id }) => id === state.selected) ?? shownOrder(set.rationales, state.sort)[0] ?? null;
  const lanes = lanesOf(context, set);
  if (comparison) lanes.push({ label: checkpointLabel(comparison.checkpoint), set: comparison, before: true });
  return h(
    'section',
    { key: 'summary', class: 'summary', 'aria-label': t('rationale.summary') },
    h(
      'div',
      { class: 'headline' },
      h(
        'span',
        null,
        h('strong', { class: 'big' }, t('rationale.right', rightCount(now), now.length)),
        before.length > 0 ? h('span', { class: 'dim' }, t('rationale.was', rightCount(before), before.length)) : null,
      ),
      mean === null ? null : meanView(mean, meanBefore, now[0]?.record),
    ),
    stripPlot(lanes, selected, (id) => change({ selected: id, opened: { ...state.opened, [id]: true } })),
    h(
      'p',
      { class: 'legend' },
      t('rationale.strip.legend'),
      ' ',
      selected && selected.record.baseline === null
        ? t('rationale.strip.legend.alone')
        : t('rationale.strip.legend.arrow', selected ? selected.record.sample + 1 : 1),
    ),
  );
}

/** One lane, or one for every strategy. */
function lanesOf({ snapshot }: RationaleContext, set: RationaleSet): Lane[] {
  const [own, kept] = [ownOf(set.rationales), keptOf(set.rationales)];
  const groups = groupByStrategy(own);
  const lanes: Lane[] =
    groups.length < 2
      ? [{ label: checkpointLabel(set.checkpoint), set: { ...set, rationales: own } }]
      : groups.map(({ strategy, rationales }) => ({
          label: strategy === undefined ? t('rationale.noStrategy') : strategyName(snapshot.strategyNames, strategy),
          set: { ...set, rationales: [...rationales] },
          ...(strategy === undefined ? {} : { strategy }),
        }));
  if (kept.length > 0) lanes.push({ label: t('rationale.kept'), set: { ...set, rationales: kept }, kept: true });
  return lanes;
}

function meanView(mean: number, before: number | null, sample: RationaleRecord | undefined): VNode {
  return h(
    'span',
    { class: 'mean' },
    h('span', { class: 'dim' }, t('rationale.mean')),
    h(
      'button',
      {
        type: 'button',
        class: 'plain figure number',
        ...explained(() => ({
          title: t('rationale.mean.title'),
          formula: '1 ⁄ K · Σ_k R(z_k)',
          text: [withoutRationale(sample), t('rationale.mean.text')].filter((each) => each !== null).join(' '),
        })),
      },
      h('strong', null, fixed(mean)),
      before === null ? null : differenceShown(before, mean),
    ),
  );
}
