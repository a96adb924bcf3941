/** Before and after: the same question under the base, the previous checkpoint and the weights shown, with what changed between them. */
import type { Stage } from '../src/protocol/rationale_messages.ts';
import { diffView } from './diff_view.ts';
import { differenceShown } from './difference.ts';
import { type Child, h, type VNode } from './dom.ts';
import { fixed } from './format.ts';
import { icon } from './icons.ts';
import { isolated } from './isolated.ts';
import type { RationaleContext } from './rationale_state.ts';
import { checkpointLabel, t } from './strings.ts';
import { explained } from './tooltip.ts';

export function beforeAfter(context: RationaleContext): Child {
  const { snapshot, state, change } = context;
  const { stages } = snapshot;
  if (stages.length < 2) return null;
  // A dash for what was not sampled would read as a minus between two arrows; the table says it in words.
  const course = stages.flatMap(({ checkpoint, figures }) =>
    figures === null ? [] : [`${checkpointLabel(checkpoint)} ${fixed(figures.meanReward)}`],
  );
  return h(
    'section',
    { key: 'stages', class: 'stages', 'aria-label': t('rationale.stages') },
    h(
      'button',
      {
        type: 'button',
        class: 'plain stages-toggle',
        'aria-expanded': state.stagesOpen,
        on: { click: () => change({ stagesOpen: !state.stagesOpen }) },
      },
      icon(state.stagesOpen ? 'open' : 'closed'),
      h('strong', null, t('rationale.stages')),
      h('span', { class: 'dim course' }, `${t('rationale.stages.reward')}: ${course.join(' → ')}`),
    ),
    state.stagesOpen ? stageTable(context) : null,
  );
}

function stageTable(context: RationaleContext): VNode {
  const { stages } = context.snapshot;
  return h(
    'table',
    { class: 'stage-table', 'aria-label': t('rationale.stages') },
    h(
      'thead',
      null,
      h(
        'tr',
        null,
        h('th', { scope: 'col' }, t('rationale.stages.weights')),
        h('th', { scope: 'col' }, t('rationale.stages.votes')),
        h('th', { scope: 'col' }, t('rationale.stages.reward')),
      ),
    ),
    stages.map((stage, i) => {
      const before = stages.slice(0, i).findLast(({ figures }) => figures !== null);
      return stageRows(context, stage, before, before === stages[i - 1]);
    }),
  );
}

/**
 * @param before the last one with figures, which the change is against: the previous checkpoint is often not sampled
 * @param isNext whether that is the row above
 */
function stageRows(context: RationaleContext, stage: Stage, before: Stage | undefined, isNext: boolean): VNode {
  const { figures, checkpoint, role } = stage;
  const name = h(
    'th',
    { scope: 'row' },
    checkpointLabel(checkpoint),
    role === 'base' ? null : [' ', h('span', { class: 'dim' }, t(`rationale.stages.${role}`))],
  );
  const actions = stageActions(context, stage);
  const change = before?.figures && figures ? differenceShown(before.figures.meanReward, figures.meanReward) : null;
  return h(
    'tbody',
    { key: role, class: `stage ${role}` },
    figures === null
      ? h('tr', null, name, h('td', { colspan: 2, class: 'dim' }, t('rationale.stages.none')))
      : h(
          'tr',
          null,
          name,
          h('td', null, votes(figures)),
          h(
            'td',
            { class: 'number' },
            h(
              'button',
              { type: 'button', class: 'plain figure', ...explained(() => rewardTip(figures)) },
              fixed(figures.meanReward),
              change === null ? null : [' ', change],
            ),
            change === null || before === undefined || isNext
              ? null
              : h(
                  'span',
                  { class: 'dim against' },
                  ' ',
                  t('rationale.stages.against', checkpointLabel(before.checkpoint)),
                ),
          ),
        ),
    figures === null && actions === null
      ? null
      : h(
          'tr',
          { class: 'best' },
          h('td', { colspan: 3 }, figures === null ? null : best(context, figures, before?.figures ?? null), actions),
        ),
  );
}

type Figures = NonNullable<Stage['figures']>;

function votes({ right, k, majority, majorityCorrect }: Figures): Child {
  return [
    t('rationale.right', right, k),
    majority === null
      ? null
      : h(
          'span',
          { class: 'majority' },
          icon(majorityCorrect ? 'right' : 'wrong', majorityCorrect ? 'good' : 'bad'),
          h('span', { class: 'visually-hidden' }, t(majorityCorrect ? 'right' : 'wrong')),
          t('rationale.stages.majority', isolated(majority)),
        ),
  ];
}

function rewardTip({ k, meanReward, meanSelfReward }: Figures) {
  return {
    title: t('rationale.stages.reward'),
    formula: '1 ⁄ K · Σ_k r_k',
    numbers: `${fixed(meanReward, 3)}, K = ${k}`,
    text: t('rationale.stages.reward.text', fixed(meanSelfReward, 3)),
  };
}

/** The best rationale; as a word diff with the best one under the weights before, when word diffs are on. */
function best({ state }: RationaleContext, { best: own }: Figures, before: Figures | null): VNode {
  return h(
    'p',
    { class: 'text clamped-3' },
    h('span', { class: 'dim' }, t('rationale.stages.best', fixed(own.reward)), ' '),
    state.wordDiff && before !== null
      ? diffView(before.best.text, own.text, 'both')
      : h('span', { dir: 'auto' }, own.text.trim()),
  );
}

function stageActions({ snapshot, send }: RationaleContext, { role, checkpoint, figures, canSample }: Stage): Child {
  if (role === 'current') return null;
  const { rowKey, comparison, activity } = snapshot;
  const compared = comparison?.checkpoint === checkpoint;
  const parts: Child[] = [];
  if (figures !== null) {
    parts.push(
      h(
        'button',
        {
          type: 'button',
          class: 'action',
          'aria-pressed': compared,
          on: {
            click: () => send({ type: 'choose-comparison', rowKey, checkpoint: compared ? null : checkpoint }),
          },
        },
        compared ? icon('right') : null,
        t('rationale.stages.compare'),
      ),
    );
  }
  if (snapshot.canSample && !canSample && figures?.alike !== true) {
    parts.push(h('span', { class: 'dim' }, t('rationale.notKept', checkpointLabel(checkpoint))));
  }
  if (snapshot.canSample && canSample && figures?.alike !== true) {
    parts.push(
      h(
        'button',
        {
          type: 'button',
          class: 'action',
          'aria-disabled': activity === null ? undefined : true,
          ...explained(() => ({ title: t('rationale.stages.sample'), text: t('rationale.stages.sample.text') })),
          on: { click: () => activity === null && send({ type: 'sample-alike', rowKey, checkpoint }) },
        },
        icon('again'),
        t('rationale.stages.sample'),
      ),
    );
  }
  return parts.length === 0 ? null : h('div', { class: 'actions' }, parts);
}
