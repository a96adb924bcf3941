/**
 * The memory estimate against the peak of the resident set of real processes: for each use between 0.8 and 1.8 times the peak, so that what is
 * said to fit fits, and what fits is hardly ever refused.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { MemoryEstimate } from '../../src/engine/model/memory_estimate.ts';
import { bundleChild, type ChildProgram } from '../kill/killed_process.ts';
import { requireShared } from '../support/shared_folder.ts';

const LEAST = 0.8;
const MOST = 1.8;

describe('memory estimate against real processes', () => {
  let program: ChildProgram;
  before(async () => {
    program = await bundleChild(new URL('../support/memory_child.ts', import.meta.url));
  });
  after(() => program.remove());

  for (const kind of ['inference', 'lora', 'full'] as const) {
    it(`MiniMind2-Small, ${kind}`, async function () {
      const model = requireShared(this, 'models', 'minimind2-small');
      const child = spawn(process.execPath, [program.file, model, kind], { stdio: ['ignore', 'pipe', 'inherit'] });
      let output = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
      await once(child, 'close');
      const { estimate, peak } = JSON.parse(output) as { estimate: MemoryEstimate; peak: number };
      const ratio = estimate.total / peak;
      const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
      console.log(
        `      ${kind.padEnd(10)} estimated ${megabytes(estimate.total)}, peak ${megabytes(peak)}: ${ratio.toFixed(2)}`,
      );
      assert.ok(ratio >= LEAST && ratio <= MOST, `the estimate is ${ratio} times the peak`);
      assert.ok(estimate.least <= peak, `it did with less than ${megabytes(estimate.least)}`);
    });
  }
});
