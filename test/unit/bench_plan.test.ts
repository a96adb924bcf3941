/** The bench refuses at once what it could not do, and a stage that fails costs the others nothing. */
import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { benchPlan } from '../../scripts/bench/plan.ts';
import { comparison, ReportSchema, table } from '../../scripts/bench/report.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';

const ROOT = join(import.meta.dirname, '..', '..');

describe('what the bench is asked for', () => {
  const folder = temporaryFolder();

  it('a stage or a shape that is not there is refused with those that are', () => {
    assert.throws(
      () => benchPlan(['--stage', 'stepp']),
      /^Error: --stage is one of prefill, .*, step, update .*'stepp'/,
    );
    assert.throws(() => benchPlan(['--shape', 'gpt']), /^Error: --shape is one of starter, .*, mistral-7b; 'gpt'/);
    assert.throws(() => benchPlan(['--stage', 'products64', '--device', 'webgpu']), /'products64' is none/);
    assert.deepEqual(benchPlan(['--stage', 'update', '--stage', 'step']).stages, ['step', 'update']);
  });

  it('a device that onnxruntime would leave out in silence is refused', function () {
    if (process.platform === 'win32') this.skip();
    assert.throws(() => benchPlan(['--device', 'dml']), /has no device dml/);
  });

  it('the folder of the JSON is made, and a report that is there stays until there is another', () => {
    const path = join(folder.path, 'new', 'report.json');
    assert.equal(benchPlan(['--json', path]).json, path);
    assert.ok(existsSync(join(folder.path, 'new')) && !existsSync(path));
    writeFileSync(path, '{}');
    benchPlan(['--json', path]);
    assert.equal(readFileSync(path, 'utf8'), '{}');
    assert.throws(() => benchPlan(['--json', join(path, 'report.json')]), /--json: .* cannot be written/);
    assert.throws(() => benchPlan(['--compare', path]), /--compare: .* is no report/);
  });

  const bench = (args: readonly string[], env: NodeJS.ProcessEnv = process.env) => {
    const program = ['--import=tsx', 'scripts/bench/main.ts', ...args];
    const child = spawn(process.execPath, program, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const said = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (text: string) => {
        said[name] += text;
      });
    return { child, said, ended: once(child, 'close') as Promise<[number | null]> };
  };

  it('a refusal is a sentence, without where in the source it was made', async () => {
    const { said, ended } = bench(['--shape', 'gpt']);
    assert.deepEqual(await ended, [2, null]);
    assert.match(said.stderr, /^--shape is one of [^\n]*\n$/);
  }).timeout(60_000);

  it('a stage that fails is named, the next ones are tried, and the JSON is there after every shape', async function () {
    // There a driver is named by the environment, and can be one that is not there.
    if (process.platform !== 'linux') this.skip();
    const path = join(folder.path, 'failed.json');
    const shapes = ['--shape', 'starter', '--shape', 'minimind2-small'];
    const args = ['--device', 'webgpu', ...shapes, '--stage', 'decode1', '--stage', 'step', '--json', path];
    const { child, said, ended } = bench(args, { ...process.env, VK_DRIVER_FILES: join(folder.path, 'none.json') });
    let afterFirst: readonly string[] | null = null;
    child.stderr.on('data', () => {
      if (afterFirst === null && said.stderr.includes('minimind2-small decode1 …'))
        afterFirst = Object.keys(v.parse(ReportSchema, JSON.parse(readFileSync(path, 'utf8'))).shapes);
    });
    assert.deepEqual(await ended, [1, null]);
    assert.deepEqual(afterFirst, ['starter']);
    const { shapes: measured } = v.parse(ReportSchema, JSON.parse(readFileSync(path, 'utf8')));
    const nothing = { failed: ['decode1', 'step'], peakMemoryGB: 0 };
    assert.deepEqual(measured, { starter: nothing, 'minimind2-small': nothing });
    assert.match(said.stderr, /^starter decode1 failed \(exit code 1\)$/m);
    assert.match(said.stdout, /^decode1 +failed$/m);
  }).timeout(120_000);
});

describe('what the bench says of a report', () => {
  const old = v.parse(ReportSchema, JSON.parse(readFileSync(join(ROOT, 'docs', 'bench', '0.1.0.json'), 'utf8')));
  const starter = old.shapes.starter!;
  const withStep = (step: Partial<NonNullable<typeof starter.step>>): typeof old => ({
    ...old,
    shapes: { starter: { ...starter, step: { ...starter.step!, ...step } } },
  });
  const lineOf = (text: string, name: string): string => text.split('\n').find((line) => line.startsWith(name))!;

  it('a share above 1 is marked, and a note says why it is none', () => {
    const [above, below] = [withStep({ shareOfFloor: 1.07 }), withStep({ shareOfFloor: 0.97 })];
    assert.match(lineOf(table(above), 'step'), /107 % \*/);
    assert.match(table(above), /\n\* above 1: the floor was measured while the machine was slower$/);
    assert.doesNotMatch(table(below), /\*/);
    assert.match(lineOf(comparison(below, above), 'starter step'), /97 % +107 % \*$/);
    assert.match(comparison(below, above), /\n\* above 1: /);
  });

  it('the range of a floor stands beside its median; older reports have none', () => {
    const floors = { matmulGflops: 95.5, memoryGBs: 17.25 };
    const step = {
      floors,
      floorRanges: { matmulGflops: [64.3, 98] as [number, number], memoryGBs: [15, 18] as [number, number] },
    };
    assert.match(lineOf(table(withStep(step)), 'step'), /95\.5 \(64\.3–98\) +17\.25 \(15–18\)$/);
    assert.match(lineOf(table(withStep({ floors })), 'step'), /95\.5 +17\.25$/);
  });

  it('another device, precision or machine is said above the ratios', () => {
    const other = { ...old, machine: { ...old.machine, device: 'webgpu', precision: 'float16', cores: 64 } };
    const text = comparison(other, old);
    assert.ok(text.indexOf('not measured alike') < text.indexOf('speed, times'), text);
    assert.match(
      text,
      /^ {2}cores: 64, then 2\n {2}device: webgpu, then cpu\n {2}precision: float16, then float32\n\n/m,
    );
    assert.doesNotMatch(comparison(old, old), /alike/);
  });
});
