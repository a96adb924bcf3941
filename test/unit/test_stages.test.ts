/** Tests that were not run do not read as tests that passed. */
import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { stageOutcome } from '../../scripts/stage_outcome.mjs';
import { testWebgpu, webgpuEnvironment } from '../../scripts/test_webgpu.mjs';

const ROOT = join(import.meta.dirname, '..', '..');

describe('a stage of npm test', () => {
  const outcome = (code: number | null, ...lines: string[]) => {
    const { counts, mark, notes } = stageOutcome('a', code, lines);
    return { ...counts, mark, notes };
  };

  it('that ran has a tick or a cross and its counts', () => {
    const passed = { passing: 5, failing: 0, pending: 1, mark: '✓ a', notes: [] };
    assert.deepEqual(outcome(0, '  2 passing (1s)', '  3 passing (1s)', '\u001b[36m  1 pending\u001b[0m'), passed);
    assert.deepEqual(outcome(1), { passing: 0, failing: 1, pending: 0, mark: '✗ a', notes: [] });
  });

  it('of which nothing ran is skipped, with the reason, whichever way it says so', () => {
    const skipped = { passing: 0, failing: 0, mark: '– skipped: a', notes: ['skipped: no driver'] };
    assert.deepEqual(outcome(null, '   skipped: no driver'), { ...skipped, pending: 1 });
    const twice = ['  skipped: no driver', '  skipped: no driver'];
    assert.deepEqual(outcome(0, ...twice, '  0 passing', '  7 pending'), { ...skipped, pending: 7 });
  });
});

describe('the WebGPU tests without a driver that computes', () => {
  // A driver that is not there can be named on Linux alone.
  before(function () {
    if (process.platform !== 'linux') this.skip();
  });
  const none = { ...process.env, VK_DRIVER_FILES: join(ROOT, 'none.json'), LATRO_TEST_DEVICE: 'webgpu' };
  const run = (env: NodeJS.ProcessEnv, file: string) => {
    const program = [
      'node_modules/mocha/bin/mocha.js',
      '--import=tsx',
      '--reporter=spec',
      `test/webgpu/${file}.test.ts`,
    ];
    const { status, stdout } = spawnSync(process.execPath, program, { cwd: ROOT, env, encoding: 'utf8' });
    return { status, ...stageOutcome(file, status, stdout.split('\n')) };
  };

  it('are skipped with the reason; where one has to be there, they fail', async () => {
    const skipped = run({ ...none, LATRO_REQUIRE_DEVICE: '' }, 'training');
    assert.equal(skipped.status, 0);
    assert.equal(skipped.mark, '– skipped: training');
    assert.match(skipped.notes[0]!, /^skipped: The device 'webgpu' could not start/);
    const { LATRO_REQUIRE_DEVICE } = (await webgpuEnvironment(true))!;
    for (const file of ['training', 'float16']) {
      const { status, counts } = run({ ...none, LATRO_REQUIRE_DEVICE }, file);
      assert.notEqual(status, 0, file);
      assert.equal(counts.passing, 0);
    }
  }).timeout(60_000);

  it('a device that onnxruntime would leave out in silence is not the CPU compared with itself', () => {
    const { notes, counts } = run({ ...none, LATRO_TEST_DEVICE: 'dml', LATRO_REQUIRE_DEVICE: '' }, 'training');
    assert.deepEqual(counts.passing, 0);
    assert.match(notes[0]!, /has no device dml/);
  }).timeout(60_000);

  it('are skipped without a browser, and fail where LATRO_REQUIRE_DEVICE says that there is one', async () => {
    const before = process.env.LATRO_REQUIRE_DEVICE;
    const lines: string[] = [];
    const test = () => testWebgpu({ onLine: (line) => lines.push(line), findDriver: async () => undefined });
    try {
      delete process.env.LATRO_REQUIRE_DEVICE;
      assert.equal(await test(), null);
      process.env.LATRO_REQUIRE_DEVICE = '1';
      assert.equal(await test(), 1);
    } finally {
      if (before === undefined) delete process.env.LATRO_REQUIRE_DEVICE;
      else process.env.LATRO_REQUIRE_DEVICE = before;
    }
    assert.match(lines[0]!, /tests skipped: no Chromium/);
    assert.match(lines[1]!, /tests failed: no Chromium/);
  });
});
