/** What the run is, where it stands, how long it will take, and the buttons that steer it. */
import type { DashboardIntent, DashboardRun, RunControl } from '../src/protocol/panel_messages.ts';
import type { RatingsInUse, RunPhase } from '../src/protocol/records.ts';
import { type Child, h, type VNode } from './dom.ts';
import { formProps } from './form_focus.ts';
import { duration, fixed } from './format.ts';
import { type IconName, icon } from './icons.ts';
import { t } from './strings.ts';
import { button, dropdown } from './toolkit.ts';

/** Which question a button has opened. */
export type Menu = { readonly kind: 'roll-back'; readonly step: number } | { readonly kind: 'export' } | null;

const phases: readonly RunPhase[] = ['preparing', 'evaluating-before', 'training', 'evaluating-after', 'finished'];

const statusIcons: Record<DashboardRun['status'], [IconName, 'good' | 'bad' | 'warn' | undefined]> = {
  queued: ['pause', undefined],
  running: ['play', 'good'],
  pausing: ['pause', undefined],
  paused: ['pause', undefined],
  stopping: ['stop', undefined],
  stopped: ['stop', undefined],
  finished: ['right', 'good'],
  failed: ['wrong', 'bad'],
  interrupted: ['warning', 'warn'],
};

export function runHeader(run: DashboardRun, ratings: RatingsInUse | null): VNode {
  const [name, tone] = statusIcons[run.status];
  return h(
    'header',
    { key: 'header' },
    h(
      'h1',
      null,
      h('span', { class: 'run-name' }, run.name),
      h('span', { class: 'status' }, icon(name, tone), t(`dashboard.status.${run.status}`)),
    ),
    h('p', { class: 'dim' }, `${run.model} · ${run.dataset} · ${t('dashboard.started', startTime(run.startedAt))}`),
    ratings === null ? null : h('p', { class: 'dim ratings' }, ratingsText(ratings)),
    run.statusReason === '' ? null : h('p', { class: 'reason' }, run.statusReason),
    phaseList(run.progress.phase, run.status === 'finished'),
    progressBar(run),
  );
}

function ratingsText({ approved, judged, elsewhere }: RatingsInUse): string {
  return t('dashboard.ratings', approved, judged, elsewhere);
}

function startTime(iso: string): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime())
    ? iso
    : date.toLocaleString(document.documentElement.lang || undefined, { dateStyle: 'medium', timeStyle: 'short' });
}

function phaseList(current: RunPhase, finished: boolean): VNode {
  const at = phases.indexOf(current);
  return h(
    'ol',
    { class: 'phases', 'aria-label': t('dashboard.phases') },
    phases.map((phase, i) => {
      const past = i < at || finished;
      return h(
        'li',
        { class: past ? 'past' : i === at ? 'now' : 'ahead', 'aria-current': i === at ? 'step' : undefined },
        past ? icon('right') : null,
        t(`dashboard.phase.${phase}`),
      );
    }),
  );
}

function progressBar({ progress }: DashboardRun): VNode {
  const { done, total, unit, perSecond, secondsElapsed, secondsLeft } = progress;
  const parts = [t(`dashboard.progress.${unit}`, done, total)];
  if (perSecond !== null && perSecond > 0) {
    parts.push(
      perSecond >= 1
        ? t(`dashboard.rate.second.${unit}`, fixed(perSecond, 1))
        : t(`dashboard.rate.minute.${unit}`, fixed(perSecond * 60, 1)),
    );
  }
  parts.push(t('dashboard.elapsed', duration(secondsElapsed)));
  return h(
    'div',
    { class: 'progress' },
    h(
      'div',
      {
        class: 'progress-line',
        role: 'progressbar',
        'aria-label': t('dashboard.progress'),
        'aria-valuemin': 0,
        'aria-valuemax': total,
        'aria-valuenow': done,
        'aria-valuetext': parts.join(', '),
      },
      h('div', { class: 'progress-fill', vars: { '--share': total === 0 ? 0 : done / total } }),
    ),
    h(
      'p',
      { class: 'number' },
      secondsLeft === null ? null : h('strong', null, t('dashboard.left', duration(secondsLeft))),
      h('span', { class: 'dim' }, parts.join(' · ')),
    ),
  );
}

export function controls(
  run: DashboardRun,
  menu: Menu,
  setMenu: (menu: Menu) => void,
  send: (intent: DashboardIntent) => void,
): Child {
  const { runId } = run;
  const can = (control: RunControl): boolean => run.controls.includes(control);
  const simple = (control: 'pause' | 'continue' | 'stop' | 'resume', name: IconName, look?: 'primary'): VNode =>
    button(
      {
        key: control,
        look: look ?? 'secondary',
        disabled: !can(control),
        onPress: () => send({ type: control, runId }),
      },
      icon(name),
      t(`dashboard.${control === 'continue' ? 'resume' : control}`),
    );
  // Rolling back to where the run stands would do nothing.
  const { unit, done } = run.progress;
  const target =
    run.checkpointSteps.findLast((step) => unit === 'questions' || step < done) ?? run.checkpointSteps[0] ?? 0;
  return [
    h(
      'div',
      { key: 'controls', class: 'controls', role: 'group', 'aria-label': t('dashboard.controls') },
      // One button of that name: for a run that waits, or for one whose process has ended.
      run.status === 'paused' || run.status === 'pausing'
        ? simple('continue', 'play', 'primary')
        : can('resume')
          ? simple('resume', 'play', 'primary')
          : simple('pause', 'pause'),
      simple('stop', 'stop'),
      button(
        {
          key: 'roll-back',
          disabled: !can('roll-back'),
          props: { 'aria-expanded': menu?.kind === 'roll-back' },
          onPress: () => setMenu(menu?.kind === 'roll-back' ? null : { kind: 'roll-back', step: target }),
        },
        icon('back'),
        t('dashboard.rollBack'),
      ),
      button(
        {
          key: 'export',
          disabled: !can('export'),
          props: { 'aria-expanded': menu?.kind === 'export' },
          onPress: () => setMenu(menu?.kind === 'export' ? null : { kind: 'export' }),
        },
        icon('export'),
        t('dashboard.export'),
      ),
    ),
    menu?.kind === 'roll-back' && can('roll-back') ? rollBackForm(run, menu.step, setMenu, send) : null,
    menu?.kind === 'export' && can('export') ? exportForm(run, setMenu, send) : null,
  ];
}

function rollBackForm(
  run: DashboardRun,
  step: number,
  setMenu: (menu: Menu) => void,
  send: (intent: DashboardIntent) => void,
): VNode {
  return h(
    'div',
    { key: 'roll-back-form', class: 'form', ...formProps(() => setMenu(null)) },
    h('p', null, t('dashboard.rollBack.text')),
    h(
      'div',
      { class: 'buttons' },
      dropdown({
        label: t('dashboard.rollBack.to'),
        value: String(step),
        choices: [...run.checkpointSteps].reverse().map((s) => ({ value: String(s), text: t('checkpoint.step', s) })),
        onChoose: (value) => setMenu({ kind: 'roll-back', step: Number(value) }),
      }),
      button(
        {
          look: 'primary',
          onPress: () => {
            send({ type: 'roll-back', runId: run.runId, step });
            setMenu(null);
          },
        },
        t('dashboard.rollBack.do', step),
      ),
      button({ onPress: () => setMenu(null) }, t('cancel')),
    ),
  );
}

function exportForm(run: DashboardRun, setMenu: (menu: Menu) => void, send: (intent: DashboardIntent) => void): VNode {
  return h(
    'div',
    { key: 'export-form', class: 'form', ...formProps(() => setMenu(null)) },
    h('p', null, t('dashboard.export.text')),
    h(
      'div',
      { class: 'buttons' },
      run.exports.map((what) =>
        button(
          {
            key: what,
            onPress: () => {
              send({ type: 'export', runId: run.runId, what });
              setMenu(null);
            },
          },
          t(`dashboard.export.${what}`),
        ),
      ),
    ),
  );
}
