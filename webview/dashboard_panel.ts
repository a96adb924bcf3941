/** Run dashboard: what a run does now, how its figures move, what is wrong with it and what can be done. */
import * as v from 'valibot';
import {
  DashboardHostMessage,
  DashboardIntent,
  type DashboardRun,
  type DashboardSnapshot,
  type PanelAction,
} from '../src/protocol/panel_messages.ts';
import type { RatingsInUse } from '../src/protocol/records.ts';
import { chartCard } from './chart_card.ts';
import { charts } from './dashboard_charts.ts';
import { controls, type Menu, runHeader } from './dashboard_header.ts';
import { type Child, h } from './dom.ts';
import { percent, signed } from './format.ts';
import { icon } from './icons.ts';
import { failedView, failureBanner, loadingView, startPanel } from './panel_shell.ts';
import { beforeAndAfter, type HealthWarning, type RunHistory, runHistory, withUpdate } from './run_history.ts';
import { knownMeasures, type StrategyMeasure, strategyHistory, strategyMeasures } from './strategy_history.ts';
import { strategyView } from './strategy_view.ts';
import { checkpointLabel, t } from './strings.ts';
import { button } from './toolkit.ts';

const SavedState = v.object({ tables: v.array(v.string()), measure: v.optional(v.picklist(strategyMeasures)) });

let snapshot: DashboardSnapshot = { kind: 'loading', what: '' };
let history: RunHistory = runHistory([]);
let cursor: number | null = null;
let menu: Menu = null;
let tables: ReadonlySet<string> = new Set();
/** Shown of every strategy, where the run has values of it. */
let measure: StrategyMeasure = 'probability';
let announced = '';

const shell = startPanel({
  messages: DashboardHostMessage,
  intents: DashboardIntent,
  receive(message) {
    if (message.type === 'snapshot') {
      snapshot = message.snapshot;
    } else {
      const next = snapshot.kind === 'run' ? withUpdate(snapshot, message) : null;
      if (next === null) {
        shell.send({ type: 'ready' });
        return;
      }
      snapshot = next;
    }
    if (snapshot.kind === 'run') {
      history = runHistory(snapshot.events);
      announce(snapshot);
    }
  },
  view,
});
const saved = shell.load(SavedState);
tables = new Set(saved?.tables);
measure = saved?.measure ?? measure;

function act(action: PanelAction): void {
  shell.send({ type: 'action', action });
}

function view(): Child {
  switch (snapshot.kind) {
    case 'loading':
      return loadingView(snapshot.what || t('shell.loading'));
    case 'failed':
      return failedView(snapshot.failure, act);
    case 'run':
      return runView(snapshot);
  }
}

function runView(run: DashboardRun): Child {
  return [
    runHeader(run, inUse(history.ratings)),
    controls(
      run,
      menu,
      (next) => {
        menu = next;
        shell.redraw();
      },
      shell.send,
    ),
    failureBanner(run.failure, act),
    h(
      'div',
      { class: 'notes' },
      beforeAndAfter(history.evaluations).map((note) => accuracyNote(run, note)),
      healthList(run, history.health),
    ),
    strategies(run),
    h('h2', null, t('dashboard.charts'), h('span', { class: 'dim' }, t('dashboard.charts.hint'))),
    h(
      'div',
      { class: 'charts' },
      charts(history, history.steps.at(-1)?.totalSteps ?? 0, run.objective).map((chart) =>
        chartCard({
          ...chart,
          cursor,
          asTable: tables.has(chart.key),
          onCursor(step) {
            cursor = step;
            shell.redraw();
          },
          onOpen: (step) => openStep(run, step),
          onToggleTable: () => toggleTable(chart.key),
        }),
      ),
    ),
  ];
}

/** Where nobody has rated anything there is nothing to say. */
function inUse(ratings: RatingsInUse | null): RatingsInUse | null {
  return ratings !== null && ratings.approved + ratings.judged + ratings.elsewhere > 0 ? ratings : null;
}

function strategies(run: DashboardRun): Child {
  const own = strategyHistory(history);
  if (own === null) return null;
  const measures = knownMeasures(own);
  return strategyView({
    history: own,
    known: run.strategies ?? { names: {}, wins: null },
    measure: measures.includes(measure) ? measure : (measures[0] ?? measure),
    cursor,
    asTable: tables.has('strategies'),
    onMeasure(next) {
      measure = next;
      save();
    },
    onCursor(step) {
      cursor = step;
      shell.redraw();
    },
    onOpen: (step) => openStep(run, step),
    onToggleTable: () => toggleTable('strategies'),
  });
}

/** The host finds the nearest step where the rollouts of this one are not kept, and says so. */
function openStep({ runId }: DashboardRun, step: number): void {
  shell.send({ type: 'open-step', runId, step });
}

function toggleTable(key: string): void {
  const next = new Set(tables);
  if (!next.delete(key)) next.add(key);
  tables = next;
  save();
}

function save(): void {
  shell.save({ tables: [...tables], measure });
  shell.redraw();
}

function accuracyNote(run: DashboardRun, { set, before, after }: ReturnType<typeof beforeAndAfter>[number]): Child {
  const title = t(`dashboard.accuracy.${set}`);
  return h(
    'section',
    { key: set, class: 'note', 'aria-label': title },
    h('h2', null, title),
    h('p', { class: 'big number' }, `${percent(before.greedyAccuracy)} → ${percent(after.greedyAccuracy)}`),
    h(
      'p',
      { class: 'dim' },
      t(
        'dashboard.accuracy.of',
        signed((after.greedyAccuracy - before.greedyAccuracy) * 100, 1),
        checkpointLabel(before.checkpoint),
        checkpointLabel(after.checkpoint),
        after.questions,
      ),
    ),
    h(
      'div',
      { class: 'buttons' },
      button(
        { onPress: () => shell.send({ type: 'compare', runId: run.runId, before: before.name, after: after.name }) },
        t('dashboard.compare'),
      ),
    ),
  );
}

function healthList(run: DashboardRun, health: readonly HealthWarning[]): Child {
  if (health.length === 0) return null;
  return h(
    'section',
    { class: 'note health', 'aria-label': t('dashboard.health') },
    h('h2', null, t('dashboard.health')),
    h(
      'ol',
      null,
      health.map((warning, i) =>
        h(
          'li',
          { key: warning.check },
          h('span', { class: 'mark' }, icon('warning', 'warn'), i + 1),
          h(
            'div',
            null,
            h(
              'button',
              { type: 'button', class: 'plain link', on: { click: () => openStep(run, warning.step) } },
              t('checkpoint.step', warning.step),
            ),
            ` ${warning.message} `,
            h('span', { class: 'dim' }, warning.cure),
          ),
        ),
      ),
    ),
  );
}

/** Phases, states and every tenth of the way; not every update. */
function announce({ status, progress }: DashboardRun): void {
  const tenth = progress.total === 0 ? 0 : Math.floor((progress.done / progress.total) * 10) * 10;
  const text = `${t(`dashboard.phase.${progress.phase}`)}, ${t(`dashboard.status.${status}`)}, ${tenth} %`;
  if (text !== announced) shell.announce(text);
  announced = text;
}
