import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { JobTracker } from '../../src/extension/engine/job_tracker.ts';
import type { JobSnapshot, NotificationParams } from '../../src/protocol/engine_rpc.ts';
import { JOB, Notifications } from '../support/engine_notifications.ts';
import { eventually } from '../support/eventually.ts';

const progressOf = (phase: string, done: number): NotificationParams<'progress'> => ({
  ...{ jobId: 'job', kind: 'train', phase, done, total: 1000, unit: 'updates' },
  ...{ ratePerSecond: null, secondsLeft: null, message: '' },
});

describe('jobs as a window knows them', () => {
  let engine: Notifications;
  let jobs: JobTracker;
  let told: JobSnapshot[];
  const doneOf = ({ progress }: JobSnapshot) => progress?.done;

  beforeEach(() => {
    engine = new Notifications();
    jobs = new JobTracker();
    jobs.follow(engine);
    told = [];
    jobs.onChanged((job) => told.push(job));
    engine.send('progress', progressOf('training', 0));
    told.length = 0;
  });
  afterEach(() => engine.close());

  it('tell of a fast run seldom, and of its latest progress always', async () => {
    for (let done = 1; done <= 500; done++) {
      engine.send('progress', progressOf('training', done));
      if (done % 25 === 0) await setTimeout(5);
    }
    await eventually(() => told.length > 0 && doneOf(told.at(-1)!) === 500);
    assert.ok(told.length < 20, `${told.length} times for 500 updates`);
    assert.equal(doneOf(jobs.ofRun('run')!), 500, 'who asks hears the latest at any time');
  });

  it('tell of a new phase at once', () => {
    engine.send('progress', progressOf('training', 1));
    engine.send('progress', progressOf('validating', 0));
    assert.equal(told.at(-1)?.progress?.phase, 'validating');
  });

  it('tell of the last progress before the end', () => {
    const order: (number | string | undefined)[] = [];
    jobs.onChanged((job) => order.push(doneOf(job)));
    jobs.onEnded(() => order.push('end'));
    engine.send('progress', progressOf('training', 999));
    engine.send('progress', progressOf('training', 1000));
    engine.send('jobEnded', { ...JOB, outcome: { type: 'ok' } });
    assert.deepEqual(order.slice(-2), [1000, 'end']);
  });

  it('never tell again of a state that has passed', async () => {
    engine.send('progress', progressOf('training', 1));
    engine.send('progress', progressOf('training', 2));
    engine.send('jobChanged', { ...JOB, state: 'paused' });
    const paused = told.length;
    jobs.onChanged(({ state }) => assert.notEqual(state, 'paused', 'told by a listener of the continued run'));
    engine.send('jobChanged', { ...JOB, state: 'running' });
    await setTimeout(400);
    assert.equal(told.length, paused + 1);
  });

  it('say nothing of an engine that is gone', async () => {
    engine.send('progress', progressOf('training', 1));
    engine.close();
    told.length = 0;
    await setTimeout(400);
    assert.deepEqual(told, []);
  });
});
