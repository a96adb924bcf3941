/** The bench of growth keeps what it measured: of a point that fails it says so, and of curves that are not asked for it has the figures. */
import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { measureGrowth } from '../../scripts/bench/growth_measure.ts';
import { type Curve, CurveSchema } from '../../scripts/bench/growth_page.ts';
import { figuresFile, growthPlan, measuredCurves, withKept } from '../../scripts/bench/growth_plan.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const namesOf = (curves: readonly Curve[]): string[] => curves.map(({ name }) => name);

describe('the bench of growth', () => {
  const folder = temporaryFolder();

  it('refuses what it does not know with what there is', () => {
    assert.throws(() => growthPlan(['--curve', 'rows']), /^Error: --curve is one of rationales, .*; 'rows' is none$/);
    assert.throws(() => growthPlan(['--threads', 'two']), /--threads is a whole number/);
  });

  it('names a point that fails, measures the next ones, and hands on each curve as it is done', async () => {
    const { curves } = growthPlan(['--curve', 'length', '--curve', 'dataset-reading']);
    const said: string[] = [];
    const handed: string[][] = [];
    const measured = await measuredCurves(
      { curves, machine: 'a machine' },
      async (request, name) => {
        if (name === 'length 32' || request.kind === 'reading') throw new Error(`${name} failed (exit code 1)`);
        return { seconds: 1, peakMemoryGB: 2 };
      },
      (line) => said.push(line),
      (all) => handed.push(namesOf(all)),
    );
    const [length, reading] = measured;
    assert.deepEqual(
      length!.points.map(({ at }) => at),
      [16, 64, 128],
    );
    assert.deepEqual(length!.failed, [32]);
    assert.deepEqual([reading!.points, reading!.failed], [[], [1000, 10_000, 100_000]]);
    assert.deepEqual(said.slice(0, 4), ['length 16 …', 'length 32 …', 'length 32 failed (exit code 1)', 'length 64 …']);
    assert.deepEqual(handed, [['length'], ['length', 'dataset-reading']]);
  });

  it('puts what is measured anew in the place of what was', () => {
    const curve = (name: string, machine: string): Curve => {
      return { name, title: '', across: '', expectation: '', machine, points: [] };
    };
    const kept = ['dataset', 'length', 'rationales'].map((name) => curve(name, 'then'));
    const all = withKept([curve('length', 'now')], kept);
    assert.deepEqual(namesOf(all), ['rationales', 'length', 'dataset']);
    assert.deepEqual(
      all.map(({ machine }) => machine),
      ['then', 'now', 'then'],
    );
  });

  it('measures reading a real file, choosing among its rows, and an update on them', async () => {
    const sizes = { questions: 2, rationales: 2, prompt: 5, rationale: 4, answer: 3 };
    const update = { kind: 'update', shape: 'starter', sizes, threads: 1 } as const;
    const requests = [
      { kind: 'reading', rows: 1100, perUpdate: 2 },
      { kind: 'choosing', rows: 1100, perUpdate: 2 },
      { ...update, rows: 1100 },
      update,
    ] as const;
    for (const request of requests) {
      const { seconds, peakMemoryGB } = await measureGrowth(request);
      assert.ok(seconds > 0 && peakMemoryGB > 0, JSON.stringify(request));
    }
  });

  it('one point without enough memory: the page has the others and names it, and the bench ends with 1', async () => {
    const out = join(folder.path, 'bench');
    const before = JSON.parse(readFileSync(join(ROOT, 'docs', 'bench', 'growth', 'figures.json'), 'utf8')) as Curve[];
    mkdirSync(join(out, 'growth'), { recursive: true });
    writeFileSync(figuresFile(out), JSON.stringify(before));
    const program = ['--import=tsx', 'scripts/bench/growth.ts', '--curve', 'dataset-reading', '--out', out];
    const child = spawn(process.execPath, ['--max-old-space-size=32', ...program], { cwd: ROOT, stdio: 'ignore' });
    assert.deepEqual(await once(child, 'close'), [1, null]);
    const figures = v.parse(v.array(CurveSchema), JSON.parse(readFileSync(figuresFile(out), 'utf8')));
    const reading = figures.find(({ name }) => name === 'dataset-reading')!;
    assert.deepEqual(reading.failed, [100_000]);
    assert.deepEqual(
      reading.points.map(({ at }) => at),
      [1000, 10_000],
    );
    assert.deepEqual(figures.slice(0, 4), before.slice(0, 4));
    const page = readFileSync(join(out, 'growth.md'), 'utf8');
    assert.match(page, /## Rationale length\n/);
    assert.match(page, /## Dataset size: reading [^#]*\*\*Failed, and so not measured: 100000\.\*\*/);
  }).timeout(120_000);
});
