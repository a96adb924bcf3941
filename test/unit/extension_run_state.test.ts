/** What a dashboard says of a run at work, at rest and right after it was resumed; and what is exported of one. */
import assert from 'node:assert/strict';
import { checkHealth, type HealthPoint } from '../../src/engine/latro/health.ts';
import { resolveRunConfig } from '../../src/engine/runs/resolve_config.ts';
import { controlsOf, liveStatus, progressOf } from '../../src/extension/panels/run_state.ts';
import { metricsCsv, type ReportWords, reportMarkdown } from '../../src/extension/runs/run_report.ts';
import type { JobSnapshot } from '../../src/protocol/engine_rpc.ts';
import type { RunEvent, StepMetrics } from '../../src/protocol/records.ts';
import type { RunSummary } from '../../src/protocol/run_record.ts';
import { ENGLISH, LANGUAGES, speak } from '../support/languages.ts';
import { UNKNOWN_IDENTITY } from '../support/toy_run.ts';
import { trainingSnapshot } from '../webview/fixtures/run_events.ts';

const START = Date.UTC(2026, 10, 21, 9);
const at = (seconds: number): string => new Date(START + 1000 * seconds).toISOString();
const [metrics] = trainingSnapshot.events.flatMap((event) => (event.type === 'step' ? [event.metrics] : [])) as [
  StepMetrics,
];
const step = (number: number, seconds: number): RunEvent => ({
  type: 'step',
  time: at(seconds),
  metrics: { ...metrics, step: number, secondsSample: 2, secondsScore: 1, secondsTrain: 1 },
});

const summary: RunSummary = {
  id: 'r',
  directory: '/r',
  createdAt: at(0),
  method: 'latro',
  model: 'm',
  dataset: 'd',
  status: 'running',
  statusReason: '',
  phase: 'training',
  step: 2,
  totalSteps: 12,
  best: null,
  gain: null,
};
const job = (state: JobSnapshot['state'], progress: Partial<JobSnapshot['progress']> = {}): JobSnapshot => ({
  jobId: 'j',
  kind: 'train',
  state,
  createdAt: at(0),
  runId: 'r',
  runDirectory: '/r',
  progress: {
    phase: 'training',
    done: 2,
    total: 12,
    unit: 'updates',
    ratePerSecond: null,
    secondsLeft: null,
    message: '',
    ...progress,
  },
});

describe('state of a run', () => {
  it('offers what makes sense: never two ways on, nothing to a run that is stopping or of another process', () => {
    const states = ['queued', 'running', 'pausing', 'paused', 'stopping'] as const;
    for (const state of states) {
      const controls = controlsOf(summary, job(state));
      const waysOn = controls.filter((control) => ['pause', 'continue', 'resume'].includes(control));
      assert.equal(waysOn.length, state === 'queued' || state === 'stopping' ? 0 : 1, state);
      assert.equal(controls.includes('roll-back'), state === 'paused', state);
      assert.equal(controls.includes('stop'), state !== 'stopping', state);
    }
    assert.deepEqual(controlsOf(summary, undefined), ['export']);
    assert.deepEqual(controlsOf({ ...summary, status: 'interrupted' }, undefined), ['resume', 'roll-back', 'export']);
    assert.deepEqual(controlsOf({ ...summary, status: 'stopped', step: 0 }, undefined), ['resume']);
    assert.deepEqual(controlsOf({ ...summary, status: 'finished' }, undefined), ['roll-back', 'export']);
  });

  it('knows from its engine that a run rests, from the disk how it ended', () => {
    assert.equal(liveStatus(summary, job('paused')), 'paused');
    assert.equal(liveStatus(summary, job('running')), 'running');
    assert.equal(liveStatus({ ...summary, status: 'failed' }, undefined), 'failed');
  });

  it('tells the time left right after a resume, from the updates before it, and counts no time it was away', () => {
    const night = 50_000;
    const events: RunEvent[] = [
      step(1, 10),
      step(2, 14),
      { type: 'checkpoint', time: at(night), step: 2 },
      { type: 'resumed', time: at(night), step: 2 },
    ];
    const { secondsElapsed, secondsLeft } = progressOf(summary, job('running'), events, START + 1000 * (night + 3));
    assert.equal(secondsElapsed, 14 + 3);
    assert.equal(secondsLeft, 10 * 4);
    const measured = job('running', { ratePerSecond: 0.5, secondsLeft: 20 });
    assert.equal(progressOf(summary, measured, events, START).secondsLeft, 20);
    const stopped = progressOf({ ...summary, status: 'stopped' }, undefined, events, START + 1e9);
    assert.equal(stopped.secondsElapsed, 14);
    assert.equal(progressOf(summary, job('paused'), events, START + 1e9).secondsElapsed, 14);
  });

  it('leaves out what a run was paused for, as the log says it, and counts a slow update in full', () => {
    const night = 8 * 3600;
    const saved: RunEvent = { type: 'checkpoint', time: at(5), step: 1 };
    const elapsed = (events: readonly RunEvent[]) =>
      progressOf({ ...summary, status: 'finished' }, undefined, events, START + 1e9).secondsElapsed;
    assert.equal(elapsed([step(1, 5), saved, step(2, night + 9)]), night + 9);
    const rested: RunEvent = { type: 'paused', time: at(night + 6), seconds: night };
    assert.equal(elapsed([step(1, 5), saved, rested, step(2, night + 9)]), 9);
  });

  it('counts no time for which a run that was continued waits for another', () => {
    const events = [step(1, 10)];
    assert.equal(progressOf(summary, job('queued'), events, START + 1e9).secondsElapsed, 10);
    assert.equal(progressOf(summary, job('running'), events, START + 12_000).secondsElapsed, 12);
  });
});

describe('rate and time left of a run that another process trains', () => {
  const progress = (run: Partial<RunSummary>, events: readonly RunEvent[]) => {
    const { done, total, unit, perSecond, secondsLeft } = progressOf({ ...summary, ...run }, undefined, events, START);
    return { done, total, unit, perSecond, secondsLeft };
  };
  const counted = { done: 2, total: 12, unit: 'updates' };

  it('come from its updates while it trains', () => {
    assert.deepEqual(progress({}, [step(1, 10), step(2, 14)]), { ...counted, perSecond: 1 / 4, secondsLeft: 10 * 4 });
    const slow = (number: number): RunEvent => ({
      type: 'step',
      time: at(number),
      metrics: { ...metrics, step: number, secondsSample: 10, secondsScore: 0, secondsTrain: 0 },
    });
    const recent = [slow(1), ...Array.from({ length: 10 }, (_, i) => step(i + 2, i + 2))];
    assert.equal(progress({ step: 11 }, recent).secondsLeft, 4, 'of the last ten only');
  });

  it('are not told before its first update, without a total, in another phase, or of one that rests', () => {
    const none = { ...counted, perSecond: null, secondsLeft: null };
    const events = [step(1, 10), step(2, 14)];
    assert.deepEqual(progress({}, []), none);
    assert.equal(progress({ totalSteps: null }, events).secondsLeft, null);
    assert.deepEqual(progress({ phase: 'evaluating-after' }, events), none);
    for (const status of ['stopped', 'interrupted', 'failed', 'finished'] as const)
      assert.deepEqual(progress({ status }, events), none);
  });
});

const IN_ENGLISH: ReportWords = { l10n: ENGLISH, engineText: (message) => message, statusText: (status) => status };

describe('export of a run', () => {
  const { config } = resolveRunConfig({ model: '=m`', dataset: { train: 'd|e.jsonl' }, steps: 3 }, '/latro.json');
  const events = [step(1, 1), step(2, 2), step(3, 3)];

  it('gives metrics one line per update and the same columns for all', () => {
    const lines = metricsCsv(events)
      .trimEnd()
      .split('\r\n')
      .map((line) => line.split(','));
    const [header] = lines as [string[]];
    assert.equal(lines.length, 4);
    assert.deepEqual(new Set(lines.map((line) => line.length)), new Set([Object.keys(metrics).length]));
    assert.equal(Number(lines[3]![header.indexOf('step')]), 3);
    assert.equal(Number(lines[1]![header.indexOf('meanReward')]), metrics.meanReward);
  });

  it('reports settings, results and updates, with texts that stay texts', () => {
    const { id, createdAt, status, statusReason, phase, totalSteps, best, gain } = summary;
    const record = { id, createdAt, status, statusReason, phase, totalSteps, best, gain, step: 3, config };
    const warning = {
      type: 'health',
      time: at(2),
      step: 2,
      check: 'kl',
      message: 'KL <b>grew</b>',
      cure: '[x](y)',
    } as const;
    const report = { ...record, formatVersion: 1, identity: UNKNOWN_IDENTITY, resumedFrom: null, pid: null } as const;
    const text = reportMarkdown(report, [...events, warning], IN_ENGLISH);
    const training: RunEvent = {
      type: 'phase',
      time: at(0),
      phase: 'training',
      ratings: { approved: 2, judged: 3, elsewhere: 0 },
    };
    assert.match(
      reportMarkdown(report, [training], IN_ENGLISH),
      /Ratings in use: 2 approved and learned, 3 that change a reward/,
    );
    assert.match(text, /d\\\|e\.jsonl/);
    assert.match(text, /From update 2: KL \\<b\\>grew/);
    assert.equal(text.split('\n').filter((line) => /^\| [123] \|/.test(line)).length, 3);
    assert.deepEqual(JSON.parse(/```json\n([\s\S]+?)\n```/.exec(text)![1]!), JSON.parse(JSON.stringify(config)));
  });

  for (const language of LANGUAGES) {
    it(`reports in ${language}, the run's own English warnings and reason included, with the same figures`, () => {
      const { l10n, engineText } = speak(language);
      const far = (n: number): HealthPoint => ({
        ...metrics,
        step: n,
        meanKl: 90,
        leakShare: 0,
        meanNoRationaleAnswerLogProb: 0,
      });
      const [kl] = checkHealth({ steps: [far(1)], evaluations: [] }, { window: 1 }).slice(-1);
      assert.equal(kl?.check, 'kl-drift');
      const warning = {
        type: 'health',
        time: at(2),
        step: 2,
        check: kl.check,
        message: kl.message,
        cure: kl.cure,
      } as const;
      const { id, createdAt, status, phase, totalSteps, best, gain } = summary;
      const statusReason = 'Stopped; it can be resumed.';
      const record = { id, createdAt, status, statusReason, phase, totalSteps, best, gain, step: 3, config };
      const report = { ...record, formatVersion: 1, identity: UNKNOWN_IDENTITY, resumedFrom: null, pid: null } as const;
      const [english, translated] = [
        reportMarkdown(report, [...events, warning], IN_ENGLISH),
        reportMarkdown(report, [...events, warning], { l10n, engineText, statusText: l10n.t }),
      ];
      const prose = (text: string) => text.slice(0, text.indexOf('```'));
      assert.doesNotMatch(prose(translated), /Run|Health|warning|update|Stopped|drift|language|raise|above/);
      assert.match(prose(translated), /reward\.klCoefficient/);
      const figures = (text: string) => text.match(/\d+(\.\d+)?/g)?.sort();
      assert.deepEqual(figures(translated), figures(english));
    });
  }
});
