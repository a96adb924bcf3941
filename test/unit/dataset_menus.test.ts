import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Uri } from 'vscode';
import { Emitter } from '../../src/extension/common/disposables.ts';
import { ContextKeys } from '../../src/extension/context_keys.ts';
import { formatOf } from '../../src/extension/dataset/dataset_rows.ts';
import { type OpenDatasets, tellJsonDatasets } from '../../src/extension/inline/dataset_menus.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

interface Item {
  readonly command: string;
  readonly when: string;
}
const { contributes } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
  readonly contributes: { readonly menus: Readonly<Record<'editor/title' | 'explorer/context', readonly Item[]>> };
};

interface Window {
  readonly file: string;
  readonly isTrusted?: boolean;
  readonly jsonDatasets?: readonly string[];
}

const TERM = /isWorkspaceTrusted|(\w+) (=~|in) (\/(?:\\.|[^/\\])+\/\w*|[\w.]+)/g;

/** The few kinds of terms that these menus use, joined by `&&`, `||` and brackets. */
function holds(when: string, { file, isTrusted = true, jsonDatasets = [] }: Window): boolean {
  const names: Readonly<Record<string, string>> = {
    resource: file,
    resourceFilename: path.basename(file),
    resourceExtname: path.extname(file),
  };
  let expression = when.replaceAll(TERM, (term, name: string | undefined, operator: string, operand: string) => {
    if (name === undefined) return isTrusted ? '1' : '0';
    const value = names[name];
    assert.ok(value !== undefined, term);
    if (operator === 'in') {
      assert.equal(operand, 'latro.jsonDatasets');
      return jsonDatasets.includes(value) ? '1' : '0';
    }
    const end = operand.lastIndexOf('/');
    return new RegExp(operand.slice(1, end), operand.slice(end + 1)).test(value) ? '1' : '0';
  });
  const reduced = () =>
    expression
      .replaceAll(' ', '')
      .replace(/\((\d)\)/, '$1')
      .replace(/(\d)&&(\d)/, (_, a, b) => (a === '1' && b === '1' ? '1' : '0'))
      .replace(/(?<![&\d])(\d)\|\|(\d)(?!&)/, (_, a, b) => (a === '1' || b === '1' ? '1' : '0'));
  for (let next = reduced(); next !== expression; next = reduced()) expression = next;
  assert.match(expression, /^[01]$/, when);
  return expression === '1';
}

const offered = (menu: 'editor/title' | 'explorer/context', window: Window): string[] =>
  contributes.menus[menu].filter(({ when }) => holds(when, window)).map(({ command }) => command.replace('latro.', ''));

const ALL = ['trainOnDataset', 'evaluate', 'previewPrompt'];

describe('menus of files', () => {
  it('offer in an editor what its file is for: nothing in JSON that is no dataset, and training alone with a latro.json', () => {
    const jsonDatasets = ['/data/questions.json'];
    const inEditor = (file: string) => offered('editor/title', { file, jsonDatasets });
    assert.deepEqual(inEditor('/data/questions.json'), ALL);
    assert.deepEqual(inEditor('/data/train.jsonl'), ALL);
    assert.deepEqual(inEditor('/data/TRAIN.NDJSON'), ALL);
    assert.deepEqual(inEditor('/data/latro.json'), ['trainOnDataset']);
    assert.deepEqual(inEditor('/data/small.latro.json'), ['trainOnDataset']);
    for (const file of ['/package.json', '/tsconfig.json', '/data/other.json', '/notlatro.json', '/readme.md']) {
      assert.deepEqual(inEditor(file), [], file);
    }
  });

  it('offer in the explorer what can be trained and evaluated on, Parquet too', () => {
    const inExplorer = (file: string) => offered('explorer/context', { file });
    for (const file of ['/a.jsonl', '/a.ndjson', '/a.parquet']) {
      assert.deepEqual(inExplorer(file), ['trainOnDataset', 'evaluate'], file);
    }
    assert.deepEqual(inExplorer('/latro.json'), ['trainOnDataset']);
    assert.deepEqual(inExplorer('/package.json'), []);
  });

  it('offer nothing in a workspace that is not trusted, where nothing of it could be done', () => {
    for (const file of ['/a.jsonl', '/a.parquet', '/a.json', '/latro.json']) {
      const window = { file, isTrusted: false, jsonDatasets: ['/a.json'] };
      assert.deepEqual([...offered('editor/title', window), ...offered('explorer/context', window)], [], file);
    }
  });
});

describe('JSON files that are datasets', () => {
  /** As an editor has it open: what it is said to be is what its text makes of it. */
  const opened = (file: string, text: string) => {
    const lines = text.split('\n');
    const lineAt = (line: number) => ({ text: lines[line]! });
    const shown = { fileName: file, lineCount: lines.length, version: 1, lineAt, getText: () => text };
    return {
      document: { uri: { path: file, toString: () => `file://${file}` } as Uri },
      format: formatOf(shown),
    };
  };
  const rows = JSON.stringify([{ question: 'How many?', answer: '7' }]);

  it('are told to the menus as they are opened, and closed', () => {
    const changed = new Emitter<object>();
    const closed = new Emitter<never>();
    let all: OpenDatasets['all'] = [];
    const told: string[] = [];
    const keys = new ContextKeys((key, value) => told.push(`${key}: ${String(value)}`));
    const telling = tellJsonDatasets(
      {
        get all() {
          return all;
        },
        onChanged: changed.event,
        onClosed: closed.event,
      },
      keys,
    );
    assert.deepEqual(told, ['latro.jsonDatasets: ']);
    const others = ['package.json', 'tsconfig.json', 'biome.json', 'test/fixtures/starter-tiny/config.json'];
    all = [
      ...others.map((name) => opened(`/${name}`, readFileSync(path.join(ROOT, name), 'utf8'))),
      opened('/latro.json', '{"model": "model", "dataset": {"train": "train.jsonl"}}'),
      opened('/a.jsonl', JSON.stringify({ question: 'How many?', answer: '7' })),
    ];
    changed.fire({});
    assert.equal(told.length, 1);
    all = [...all, opened('/questions.json', rows)];
    changed.fire({});
    changed.fire({});
    assert.deepEqual(told.slice(1), ['latro.jsonDatasets: file:///questions.json']);
    all = all.slice(0, -1);
    closed.fire(undefined as never);
    assert.deepEqual(told.slice(2), ['latro.jsonDatasets: ']);
    telling.dispose();
    all = [opened('/questions.json', rows)];
    changed.fire({});
    assert.equal(told.length, 3);
  });
});
