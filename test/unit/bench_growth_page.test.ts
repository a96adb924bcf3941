/** What the page on growth says follows from its figures. */
import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Curve, growthPage } from '../../scripts/bench/growth_page.ts';
import { describeMachine } from '../../scripts/bench/report.ts';

const BASE = { questions: 4, rationales: 4, prompt: 48, rationale: 32, answer: 8 };
const PAGE = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'bench', 'growth.md'), 'utf8');

const curve = (seconds: readonly number[], baseAt?: number): Curve => ({
  name: 'length',
  title: 'Rationale length',
  across: 'L',
  expectation: 'linear',
  ...(baseAt !== undefined && { baseAt }),
  points: seconds.map((value, i) => ({ at: 16 * 2 ** i, seconds: value, peakMemoryGB: 1 })),
});
const page = (...curves: Curve[]) =>
  growthPage(describeMachine({ device: 'cpu', threads: 1 }), curves, BASE, 'starter');
const measured = (seconds: readonly number[]): string =>
  /^Measured: (.*?)\. Expected/m.exec(page(curve(seconds)).text)![1]!;

describe('the page on growth', () => {
  it('calls growth what the exponents are', () => {
    assert.equal(measured([0.856, 1.482, 2.46, 4.554]), 'less than linear, exponents 0.73 to 0.89');
    assert.equal(measured([1, 2.04, 4]), 'linear, exponents 0.97 to 1.03');
    assert.equal(measured([1, 2.5, 6.25]), 'more than linear, exponents 1.32 to 1.32');
    assert.equal(measured([1, 1.5, 4]), 'linear here and not there, exponents 0.58 to 1.42');
  });

  it('says how far the update that several tables share is apart, and draws two charts per curve', () => {
    const { text, charts } = page(curve([1, 2, 4], 32), curve([1, 2.5, 4], 32), curve([1, 9, 4]));
    assert.match(text, /stands in 2 of the tables .*: 2 to 2\.5 s, 25 % apart\. Over a doubling, as much is\n0\.32 of/);
    assert.doesNotMatch(page(curve([1, 2], 16)).text, /apart/);
    assert.deepEqual(Object.keys(charts), ['length-seconds', 'length-memory']);
  });

  it('that is kept in docs says what its own tables say', () => {
    const sections = PAGE.split('\n## ').slice(1);
    assert.equal(sections.length, 5);
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
      assert.equal(/Measured: less than linear/.test(sections[i]!), most < 0.95);
    });
    const base = [4, 32, 4, 25.8].map((at, i) => tables[i]!.find(([x]) => x === at)![1]);
    assert.ok(PAGE.includes(`was measured for each: ${Math.min(...base)} to ${Math.max(...base)} s`));
  });
});
