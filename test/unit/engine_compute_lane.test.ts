import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Cancelled } from '../../src/engine/common/errors.ts';
import { ComputeLane, type Lane } from '../../src/engine/server/compute_lane.ts';

const never = new AbortController().signal;

describe('compute lane', () => {
  it('lets waiting interactive jobs run between two steps of a background job, and nothing else', async () => {
    const lane = new ComputeLane();
    const order: string[] = [];
    const job = async (name: string, kind: Lane, steps: number) => {
      await lane.enter(kind, never);
      for (let step = 1; step <= steps; step++) {
        order.push(`${name}${step}`);
        await lane.yieldToInteractive(kind, never);
      }
      lane.leave();
    };
    await Promise.all([
      job('a', 'background', 2),
      job('b', 'background', 1),
      job('x', 'interactive', 2),
      job('y', 'interactive', 1),
    ]);
    assert.deepEqual(order, ['a1', 'x1', 'x2', 'y1', 'a2', 'b1']);
  });

  it('lets other background jobs run while one is paused, which then waits for its turn', async () => {
    const lane = new ComputeLane();
    const order: string[] = [];
    let resume = () => {};
    const resumed = new Promise<void>((resolve) => {
      resume = resolve;
    });
    await lane.enter('background', never);
    const paused = lane.pause(resumed, never).then(() => order.push('paused job'));
    await lane.enter('background', never);
    resume();
    await lane.yieldToInteractive('background', never);
    order.push('other job');
    lane.leave();
    await paused;
    assert.deepEqual(order, ['other job', 'paused job']);
  });

  it('ends a paused job that is stopped at the next step of the job that runs, not at its end', async () => {
    const lane = new ComputeLane();
    const controller = new AbortController();
    await lane.enter('background', never);
    const paused = lane.pause(new Promise(() => {}), controller.signal);
    await lane.enter('background', never);
    controller.abort();
    const ended = assert.rejects(paused, Cancelled).then(() => lane.leave());
    await new Promise(setImmediate);
    await lane.yieldToInteractive('background', never);
    await ended;
    lane.leave();
    await lane.enter('background', never);
  });

  it('never lets two jobs compute at once, whatever comes, is paused and is cancelled', async () => {
    const jobs = fc.array(
      fc.record({
        kind: fc.constantFrom<Lane>('interactive', 'background'),
        steps: fc.integer({ min: 0, max: 4 }),
        pauseAfter: fc.option(fc.integer({ min: 0, max: 3 })),
        cancelAfter: fc.option(fc.integer({ min: 0, max: 6 })),
      }),
      { maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(jobs, async (specs) => {
        const lane = new ComputeLane();
        let computing = 0;
        const ends = await Promise.allSettled(
          specs.map(async ({ kind, steps, pauseAfter, cancelAfter }) => {
            const controller = new AbortController();
            if (cancelAfter !== null) setTimeout(() => controller.abort(), cancelAfter);
            await lane.enter(kind, controller.signal);
            try {
              for (let step = 0; step < steps; step++) {
                assert.equal(++computing, 1);
                await new Promise((resolve) => setTimeout(resolve, 1));
                computing--;
                await lane.yieldToInteractive(kind, controller.signal);
                if (kind === 'background' && step === pauseAfter) {
                  await lane.pause(new Promise((resolve) => setTimeout(resolve, 2)), controller.signal);
                }
              }
            } finally {
              lane.leave();
            }
          }),
        );
        for (const [i, end] of ends.entries()) {
          if (end.status === 'rejected') assert.ok(end.reason instanceof Cancelled && specs[i]?.cancelAfter !== null);
        }
        // The lane is free again: a turn that was lost would block this for ever.
        await lane.enter('background', never);
      }),
      { numRuns: 40 },
    );
  });
});
