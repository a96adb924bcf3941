/** What the archive's script does with wrong arguments, and with the results of an earlier run. */
import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { compilePrograms } from '../../scripts/bench_bundle/programs.mjs';
import { refuseAbove } from '../../scripts/bench_bundle/size_limit.mjs';
import { temporaryFolder } from '../support/model_fixtures.ts';

const ROOT = join(import.meta.dirname, '..', '..');

describe('the archive that measures another machine', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let bundle: string;
  before(async function () {
    if (process.platform === 'win32') this.skip();
    // Inside the repository, where onnxruntime-node is found.
    mkdirSync(join(ROOT, '.tmp'), { recursive: true });
    bundle = mkdtempSync(join(ROOT, '.tmp', 'bundle-'));
    copyFileSync(join(ROOT, 'scripts', 'bench_bundle', 'run.sh'), join(bundle, 'run.sh'));
    symlinkSync(process.execPath, join(bundle, 'node'));
    await compilePrograms(bundle, ['bench', 'latro']);
  });
  after(() => {
    if (bundle !== undefined) rmSync(bundle, { recursive: true, force: true });
  });
  const run = (...args: string[]) => {
    const env = { ...process.env, OUT: join(folder.path, 'results'), VK_DRIVER_FILES: join(folder.path, 'none.json') };
    return spawnSync('sh', [join(bundle, 'run.sh'), ...args], { encoding: 'utf8', env });
  };

  it('an option without its value is refused in a sentence, before anything is written', () => {
    for (const args of [['--device'], ['--shape'], ['--device', '--parity-only'], ['--quick', '--shape', '']]) {
      const { status, stderr } = run(...args);
      assert.equal(status, 2, args.join(' '));
      assert.match(stderr, /^--(device|shape) needs a name behind it, [^\n]*\n$/);
    }
    assert.ok(!existsSync(join(folder.path, 'results')));
  });

  it('the report of an earlier run does not hide that this one failed', () => {
    const old = join(folder.path, 'results', 'bench-starter-float32.json');
    mkdirSync(join(folder.path, 'results'), { recursive: true });
    writeFileSync(old, '{}');
    const { status, stdout } = run('--device', 'cpu', '--shape', 'starter', '--stage', 'stepp');
    assert.match(stdout, /--stage is one of/);
    assert.equal(status, 1);
    assert.ok(!existsSync(old));
  });

  it('measures, and ends with 0', () => {
    const { status } = run('--device', 'cpu', '--shape', 'starter', '--stage', 'decode1', '--quick');
    assert.equal(status, 0);
    assert.ok(existsSync(join(folder.path, 'results', 'bench-starter-float32.json')));
    assert.ok(!existsSync(join(folder.path, 'results', 'bench-starter-float32.code')));
  });

  it('what it advises goes with the device that does not compute', () => {
    const advice = (device: string): string => {
      const { status, stdout } = run('--device', device);
      assert.equal(status, 2);
      return stdout.split('\n').find((line) => line.startsWith('Nothing was measured.'))!;
    };
    assert.match(advice('dml'), /Devices are webgpu, cuda and cpu\./);
    if (process.platform === 'linux') assert.match(advice('webgpu'), /Vulkan/);
  });

  it('an archive above its size is removed and refused', () => {
    const file = join(folder.path, 'archive');
    writeFileSync(file, '');
    truncateSync(file, 60e6);
    refuseAbove(file, 60e6);
    truncateSync(file, 60e6 + 1);
    assert.throws(() => refuseAbove(file, 60e6), /60000001 bytes are more than 60000000/);
    assert.ok(!existsSync(file));
  });
});
