/** Shows a run as it goes: a progress bar per phase, warnings above it. */
import { unreachable } from '../engine/common/errors.ts';
import type { RunObserver } from '../engine/training/training_run.ts';
import type { RatingsInUse, RunPhase } from '../protocol/records.ts';
import { Progress } from './progress.ts';
import { harmless, type Terminal } from './terminal.ts';

export interface ShownRun extends RunObserver {
  /** Takes the last bar away. */
  end(): void;
}

export function showRun(terminal: Terminal, signal: AbortSignal): ShownRun {
  let current: { phase: RunPhase; progress: Progress } | null = null;
  const end = (): void => {
    current?.progress.end();
    current = null;
  };
  return {
    signal,
    end,
    onProgress: ({ phase, done, total, unit, fraction, message }) => {
      if (current?.phase !== phase) {
        end();
        current = { phase, progress: new Progress(terminal, phaseLabel(phase), unit) };
      }
      if (total > 0) current.progress.advance(done, total, message, fraction);
    },
    onEvent: (event) => {
      if (event.type === 'phase' && event.ratings !== undefined && Object.values(event.ratings).some((n) => n > 0))
        terminal.note(ratingsText(event.ratings));
      if (event.type === 'health' && 'message' in event)
        terminal.note(
          terminal.style('yellow', `Update ${event.step}: ${harmless(event.message)} ${harmless(event.cure)}`),
        );
    },
    onWarning: (message) => terminal.note(terminal.style('yellow', harmless(message))),
  };
}

function ratingsText({ approved, judged, elsewhere }: RatingsInUse): string {
  return `Ratings in use: ${approved} approved and learned, ${judged} that change a reward, ${elsewhere} of other rows.`;
}

function phaseLabel(phase: RunPhase): string {
  switch (phase) {
    case 'preparing':
      return 'Preparing';
    case 'evaluating-before':
      return 'Evaluating before';
    case 'training':
      return 'Training';
    case 'evaluating-after':
      return 'Evaluating after';
    case 'finished':
      return 'Finished';
    default:
      return unreachable(phase);
  }
}
