/** Rules of the panels that a reader can check by eye and a test checks every time; and that fixtures fit the protocol. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { AccuracySnapshot, DashboardSnapshot } from '../../src/protocol/panel_messages.ts';
import { RationaleIntent, RationaleSnapshot } from '../../src/protocol/rationale_messages.ts';
import { defaultStrings } from '../../webview/strings.ts';
import { comparisonSnapshot } from '../webview/fixtures/comparison.ts';
import { busySnapshot, keptSnapshot, questionSnapshot } from '../webview/fixtures/rationales.ts';
import { finishedSnapshot, trainingSnapshot } from '../webview/fixtures/run_events.ts';

const folder = path.resolve(import.meta.dirname, '../../webview');
const sources = readdirSync(folder)
  .filter((name) => /\.(ts|css)$/.test(name))
  .map((name) => ({ name, text: readFileSync(path.join(folder, name), 'utf8') }));

describe('panel sources', () => {
  it('take every colour from the theme', () => {
    const literal =
      /#[0-9a-f]{3,8}\b(?!-)|\b(?:rgb|hsl|oklch|lab)a?\(|:\s*(?:white|black|red|green|blue|gray|grey|orange|yellow)\s*;/i;
    for (const { name, text } of sources.filter(({ name: file }) => file.endsWith('.css')))
      assert.doesNotMatch(text, literal, name);
    const inScript = /['"`](?:#[0-9a-f]{3,8}|(?:rgb|hsl)a?\([^'"`]*)['"`]/i;
    for (const { name, text } of sources.filter(({ name: file }) => file.endsWith('.ts')))
      assert.doesNotMatch(text, inScript, name);
  });

  it('make DOM from nodes only, never from markup or inline styles', () => {
    for (const { name, text } of sources.filter(({ name: file }) => file.endsWith('.ts'))) {
      assert.doesNotMatch(
        text,
        /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function/,
        name,
      );
      assert.doesNotMatch(text, /setAttribute\(\s*['"]style/, name);
    }
  });

  it('call acquireVsCodeApi in one place and import the toolkit in one place', () => {
    const using = (what: RegExp): string[] => sources.filter(({ text }) => what.test(text)).map(({ name }) => name);
    assert.deepEqual(using(/acquireVsCodeApi\(\)/), ['host.ts']);
    assert.deepEqual(using(/from '@vscode\/webview-ui-toolkit'/), ['toolkit.ts']);
    assert.deepEqual(using(/from 'uplot'/), ['curve.ts']);
  });

  it('use every text', () => {
    const code = sources
      .filter(({ name }) => name.endsWith('.ts') && !/^strings/.test(name))
      .map(({ text }) => text)
      .join('\n');
    const built = [...code.matchAll(/`([a-z]+\.[\w.]*)\$\{/g)].map((match) => match[1]!);
    const own = readFileSync(path.join(folder, 'strings.ts'), 'utf8');
    for (const key of Object.keys(defaultStrings)) {
      const used =
        code.includes(`'${key}'`) || own.includes(`t('${key}'`) || built.some((prefix) => key.startsWith(prefix));
      assert.ok(used, `${key} is used nowhere`);
    }
  });
});

describe('panel protocol', () => {
  it('accepts the fixtures unchanged', () => {
    for (const snapshot of [questionSnapshot, busySnapshot, keptSnapshot])
      assert.deepEqual(v.parse(RationaleSnapshot, snapshot), snapshot);
    for (const snapshot of [trainingSnapshot, finishedSnapshot])
      assert.deepEqual(v.parse(DashboardSnapshot, snapshot), snapshot);
    assert.deepEqual(v.parse(AccuracySnapshot, comparisonSnapshot), comparisonSnapshot);
  });

  it('refuses what a panel must never send', () => {
    const sample = { type: 'sample', rowKey: 'r', checkpoint: 'base', settings: { k: 8, temperature: 1, seed: 0 } };
    assert.ok(v.is(RationaleIntent, sample));
    for (const wrong of [
      { ...sample, settings: { ...sample.settings, k: 1 } },
      { ...sample, settings: { ...sample.settings, temperature: -1 } },
      { ...sample, checkpoint: '../step-1' },
      { ...sample, rowKey: undefined },
      { type: 'action', action: 'format-disk' },
      { type: 'rate', rowKey: 'r', rationale: 'x', rating: { verdict: 'great', note: '' } },
    ])
      assert.equal(v.is(RationaleIntent, wrong), false, JSON.stringify(wrong));
  });
});
