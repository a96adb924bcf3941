import assert from 'node:assert/strict';
import type { EngineSupervisor } from '../../src/extension/engine/engine_supervisor.ts';
import { JobTracker } from '../../src/extension/engine/job_tracker.ts';
import type { Reporter } from '../../src/extension/reporter.ts';
import { JobTerminal, type TerminalJob } from '../../src/extension/tasks/job_terminal.ts';
import { JOB, Notifications } from '../support/engine_notifications.ts';

describe('the terminal of a task', () => {
  it('keeps what each phase came to, a line each, and leaves none empty', async () => {
    const notifications = new Notifications();
    const jobs = new JobTracker();
    jobs.follow(notifications);
    const engine = { jobs, client: async () => ({}) } as unknown as EngineSupervisor;
    const job: TerminalJob = async ({ jobId }, say) => {
      const tell = (phase: string, done: number, total: number, secondsLeft: number | null) =>
        notifications.send('progress', {
          ...{
            jobId,
            kind: 'train',
            phase,
            done,
            total,
            unit: 'updates',
            ratePerSecond: null,
            secondsLeft,
            message: '',
          },
        });
      notifications.send('jobChanged', { ...JOB, jobId, progress: null });
      tell('preparing', 0, 0, null);
      say('Run 1');
      tell('training', 2, 2, 1);
      tell('evaluating-after', 5, 5, 1);
      say('Finished.');
    };
    const terminal = new JobTerminal(engine, {} as Reporter, job);
    let written = '';
    terminal.onDidWrite((text) => {
      written += text;
    });
    const closed = new Promise((resolve) => terminal.onDidClose(resolve));
    terminal.open();
    assert.equal(await closed, 0);
    const lines = written.split('\r\n').map((line) => line.split('\x1b[2K').at(-1));
    const after = 'evaluating after · 5 of 5 updates';
    assert.deepEqual(lines, ['preparing', 'Run 1', 'training · 2 of 2 updates', after, 'Finished.', '']);
    notifications.close();
  });
});
