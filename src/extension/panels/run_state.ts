/** What a dashboard says of a run besides its log: state, progress, and what can be done with it now. Pure. */
import type { JobSnapshot } from '../../protocol/engine_rpc.ts';
import type { LiveStatus, RunControl, RunProgress } from '../../protocol/panel_messages.ts';
import type { RunEvent, StepMetrics } from '../../protocol/records.ts';
import type { RunSummary } from '../../protocol/run_record.ts';

/** The engine knows more than the disk: there a run that is paused, or waits, is as it was last written. */
export function liveStatus({ status }: RunSummary, job: JobSnapshot | undefined): LiveStatus {
  return job === undefined || job.state === 'running' ? status : job.state;
}

/** A run of the command line can be watched, not steered. */
export function controlsOf(run: RunSummary, job: JobSnapshot | undefined): RunControl[] {
  const saved = run.step > 0;
  const withWeights: RunControl[] = saved ? ['export'] : [];
  const atRest: RunControl[] = saved ? ['roll-back', 'export'] : [];
  switch (job?.state) {
    case 'queued':
      return ['stop', ...withWeights];
    case 'running':
      return ['pause', 'stop', ...withWeights];
    case 'pausing':
      return ['continue', 'stop', ...withWeights];
    case 'paused':
      return ['continue', 'stop', ...atRest];
    case 'stopping':
      return [];
    case undefined:
      if (run.status === 'running') return withWeights;
      return run.status === 'finished' ? atRest : ['resume', ...atRest];
  }
}

/** `now`: milliseconds since 1970. */
export function progressOf(
  run: RunSummary,
  job: JobSnapshot | undefined,
  events: readonly RunEvent[],
  now: number,
): RunProgress {
  const { phase, step, totalSteps } = run;
  const atWork = run.status === 'running' && job?.state !== 'paused' && job?.state !== 'queued';
  const common = { phase, secondsElapsed: secondsAtWork(run, events, atWork ? now : null) };
  const progress = job?.progress;
  if (progress == null) {
    // No job here: it is idle, or another process trains it, and its updates say how long they took.
    const total = totalSteps ?? 0;
    const each = atWork && phase === 'training' ? secondsPerUpdate(events) : null;
    const secondsLeft = each === null || totalSteps === null ? null : Math.max(0, totalSteps - step) * each;
    const perSecond = each === null || each === 0 ? null : 1 / each;
    return { ...common, done: step, total, unit: 'updates', perSecond, secondsLeft };
  }
  const { done, total, unit, ratePerSecond, secondsLeft } = progress;
  const counted = { ...common, done, total, perSecond: atWork ? ratePerSecond : null };
  if (unit === 'questions') return { ...counted, unit, secondsLeft };
  // Right after a resume nothing is measured yet; the updates before it took as long.
  const perUpdate = secondsLeft === null && atWork ? secondsPerUpdate(events) : null;
  return { ...counted, unit: 'updates', secondsLeft: perUpdate === null ? secondsLeft : (total - done) * perUpdate };
}

/**
 * Time between a run's events, less that before it was resumed, when its process was gone (a resume writes the checkpoint it starts from,
 * and that it was resumed), and less that for which it was paused.
 */
function secondsAtWork({ createdAt }: RunSummary, events: readonly RunEvent[], now: number | null): number {
  let milliseconds = 0;
  let before = Date.parse(createdAt);
  for (const [i, event] of events.entries()) {
    const time = Date.parse(event.time);
    const beginsAnew = event.type === 'resumed' || (event.type === 'checkpoint' && events[i + 1]?.type === 'resumed');
    const passed = Math.max(0, time - before);
    const rested = event.type === 'paused' ? 1000 * event.seconds : 0;
    if (!beginsAnew) milliseconds += Math.max(0, passed - rested);
    before = time;
  }
  if (now !== null) milliseconds += Math.max(0, now - before);
  return milliseconds / 1000;
}

const secondsAt = ({ secondsSample, secondsScore, secondsTrain }: StepMetrics): number =>
  secondsSample + secondsScore + secondsTrain;

const RECENT_UPDATES = 10;

function secondsPerUpdate(events: readonly RunEvent[]): number | null {
  const recent = events.flatMap((event) => (event.type === 'step' ? [event.metrics] : [])).slice(-RECENT_UPDATES);
  if (recent.length === 0) return null;
  return recent.reduce((sum, metrics) => sum + secondsAt(metrics), 0) / recent.length;
}
