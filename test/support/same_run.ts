/**
 * What two runs of the same config must agree on, byte for byte: rollouts, checkpoint files (their manifests excepted, which hold the
 * length of the event log), and everything the events below say but for their wall-clock figures and memory.
 */
import type { EvaluationSummary, RunEvent, StepMetrics } from '../../src/protocol/records.ts';

/** Fields that time and the machine decide, not the run. */
const CIRCUMSTANCES: readonly (keyof StepMetrics | keyof EvaluationSummary | 'time')[] = [
  'time',
  'seconds',
  'secondsSample',
  'secondsScore',
  'secondsTrain',
  'residentMegabytes',
];

/** A copy without times, durations and memory, at any depth. */
export function withoutCircumstances(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutCircumstances);
  const names: readonly string[] = CIRCUMSTANCES;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, field]) => (names.includes(key) ? [] : [[key, withoutCircumstances(field)]])),
  );
}

/** Steps, evaluations and health warnings: the events that are the same however often the run was interrupted. */
export function comparableEvents(events: readonly RunEvent[]): unknown[] {
  return events
    .filter((event) => event.type === 'step' || event.type === 'evaluation' || event.type === 'health')
    .map(withoutCircumstances);
}
