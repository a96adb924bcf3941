/** What the page on growth says follows from its figures. */
import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { type Curve, CurveSchema, growthPage } from '../../scripts/bench/growth_page.ts';
import { BASE, SHAPE } from '../../scripts/bench/growth_plan.ts';

const BENCH = join(import.meta.dirname, '..', '..', 'docs', 'bench');
const PAGE = readFileSync(join(BENCH, 'growth.md'), 'utf8');

const curve = (seconds: readonly number[], baseAt?: number): Curve => ({
  name: 'length',
  title: 'Rationale length',
  across: 'L',
  expectation: 'linear',
  machine: 'a machine',
  ...(baseAt !== undefined && { baseAt }),
  points: seconds.map((value, i) => ({ at: 16 * 2 ** i, seconds: value, peakMemoryGB: 1 })),
});
const page = (...curves: Curve[]) => growthPage(curves, BASE, 'starter');
const measured = (seconds: readonly number[]): string =>
  /^Measured: (.*?)\. Expected/m.exec(page(curve(seconds)).text)![1]!;

describe('the page on growth', () => {
  it('calls growth what the exponents are', () => {
    assert.equal(measured([0.856, 1.482, 2.46, 4.554]), 'less than linear, exponents 0.73 to 0.89');
    assert.equal(measured([1, 2.04, 4]), 'linear, exponents 0.97 to 1.03');
    assert.equal(measured([1, 2.5, 6.25]), 'more than linear, exponents 1.32 to 1.32');
    assert.equal(measured([1, 1.03, 1]), 'constant, exponents -0.04 to 0.04');
    assert.equal(measured([1, 1.5, 4]), 'linear here and not there, exponents 0.58 to 1.42');
  });

  it('says how far the update that several tables share is apart, and draws two charts per curve', () => {
    const { text, charts } = page(curve([1, 2, 4], 32), curve([1, 2.5, 4], 32), curve([1, 9, 4]));
    assert.match(text, /stands in 2 of the tables .*: 2 to 2\.5 s, 25 % apart\. Over a doubling, as much is\n0\.32 of/);
    assert.doesNotMatch(page(curve([1, 2], 16)).text, /apart/);
    assert.deepEqual(Object.keys(charts), ['length-seconds', 'length-memory']);
  });

  it('says where nothing could be measured, and of what was measured all the same', () => {
    const [some, none] = [
      { ...curve([1, 2]), failed: [64, 128] },
      { ...curve([]), name: 'model', failed: [16] },
    ];
    const { text, charts } = page(some, none);
    assert.match(text, /linear, exponents 1\.00 to 1\.00\. .*\n\*\*Failed, and so not measured: 64, 128\.\*\*\n/);
    assert.match(text, /Measured: too little to say\. .*\n\*\*Failed, and so not measured: 16\.\*\*\n/);
    assert.deepEqual(Object.keys(charts), ['length-seconds', 'length-memory']);
    assert.doesNotMatch(text, /model-|NaN|Infinity/);
  });

  it('says of which machine each section is, and when there are two', () => {
    const other = { ...curve([1, 2]), name: 'model', machine: 'another' };
    assert.match(
      page(curve([1, 2]), other).text,
      /Not all sections are of one machine[^#]*## [^#]*\na machine\.\n[^#]*## [^#]*\nanother\.\n/,
    );
    assert.doesNotMatch(page(curve([1, 2])).text, /Not all/);
  });

  it('that is kept in docs is made of the figures beside it', () => {
    const kept = v.parse(v.array(CurveSchema), JSON.parse(readFileSync(join(BENCH, 'growth', 'figures.json'), 'utf8')));
    const { text, charts } = growthPage(kept, BASE, SHAPE);
    assert.equal(text, PAGE);
    for (const [name, svg] of Object.entries(charts))
      assert.equal(readFileSync(join(BENCH, 'growth', `${name}.svg`), 'utf8'), svg, name);
  });

  it('that is kept in docs says what its own tables say', () => {
    const sections = PAGE.split('\n## ').slice(1);
    assert.equal(sections.length, 7);
    const tables = sections.map((section) =>
      [...section.matchAll(/^\| ([\d.]+) \| ([\d.]+) \|/gm)].map(
        ([, at, seconds]) => [Number(at), Number(seconds)] as const,
      ),
    );
    tables.forEach((rows, i) => {
      const exponents = rows
        .slice(1)
        .map(([at, seconds], j) => Math.log(seconds / rows[j]![1]) / Math.log(at / rows[j]![0]));
      const [least, most] = [Math.min(...exponents), Math.max(...exponents)];
      assert.ok(sections[i]!.includes(`exponents ${least.toFixed(2)} to ${most.toFixed(2)}.`), sections[i]);
      assert.equal(/Measured: (less than linear|constant)/.test(sections[i]!), most < 0.95);
    });
    const base = [4, 32, 4, 25.8].map((at, i) => tables[i]!.find(([x]) => x === at)![1]);
    assert.ok(PAGE.includes(`was measured for each: ${Math.min(...base)} to ${Math.max(...base)} s`));
  });
});
