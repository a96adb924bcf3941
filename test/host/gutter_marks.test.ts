/** Marks of a dataset of 20,000 rows: which rows have which, and that rows far from the screen have none. */
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { DatasetResults } from '../../src/extension/inline/dataset_results.ts';
import { DocumentIndexes } from '../../src/extension/inline/document_indexes.ts';
import { GutterMarks, MARGIN_LINES, type Mark } from '../../src/extension/inline/gutter_marks.ts';
import { RunsWatcher } from '../../src/extension/runs/runs_watcher.ts';
import { eventually, soon } from '../support/eventually.ts';
import { type Judged, recordJudged } from '../support/recorded_run.ts';
import { extension, workspace } from './studio.ts';

const ROWS = 20_000;
/** Of so many rows one was evaluated. */
const EVERY = 5;
const KINDS: readonly (Judged & { readonly mark: Mark | null })[] = [
  { before: false, after: true, mark: 'fixed' },
  { before: true, after: false, mark: 'broken' },
  { before: false, after: false, mark: 'unsolved' },
  { before: true, after: true, mark: null },
];
/** `line` is 0-based. */
const kindAt = (line: number) => (line % EVERY === 0 ? KINDS[(line / EVERY) % KINDS.length] : undefined);

describe('marks in the gutter', () => {
  const disposables: vscode.Disposable[] = [];
  const marked = new Map<Mark, readonly number[]>();
  let file: string;
  let run: string;
  let editor: vscode.TextEditor;
  let runs: RunsWatcher;

  before(async () => {
    await extension().activate();
    file = path.join(workspace(), 'marked.jsonl');
    const rows = Array.from({ length: ROWS }, (_, n) =>
      JSON.stringify({ question: `${n}?`, answer: String(n + 1000) }),
    );
    writeFileSync(file, `${rows.join('\n')}\n`);
    run = await recordJudged(workspace(), file, ({ line }) => kindAt(line - 1));
    const log = vscode.window.createOutputChannel('Test of marks', { log: true });
    runs = new RunsWatcher(workspace(), log);
    await runs.refresh();
    editor = await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(file));
    const indexes = new DocumentIndexes();
    const results = new DatasetResults(runs, runs.evaluationsFolder, log);
    const marks = new GutterMarks(indexes, results, extension().extensionUri, (of, type, ranges, mark) => {
      of.setDecorations(type, ranges);
      if (of !== editor) return;
      marked.set(
        mark,
        ranges.map(({ start }) => start.line),
      );
    });
    disposables.push(marks, results, indexes, runs, log);
  });
  after(async () => {
    for (const each of disposables) each.dispose();
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    rmSync(file);
    rmSync(run, { recursive: true });
  });

  /** What is to be marked so now: on the screen, and a margin around it. */
  const expected = (mark: Mark): number[] => {
    const [seen, ...folded] = editor.visibleRanges;
    assert.ok(seen !== undefined && folded.length === 0);
    const lines = Array.from({ length: ROWS }, (_, line) => line);
    return lines.filter(
      (line) =>
        seen.start.line - MARGIN_LINES <= line && line <= seen.end.line + MARGIN_LINES && kindAt(line)?.mark === mark,
    );
  };
  const areMarked = () => {
    const wanted = KINDS.flatMap(({ mark }) => (mark === null ? [] : [mark]));
    return soon(
      () => wanted.every((mark) => String(marked.get(mark)) === String(expected(mark))),
      () => wanted.map((mark) => `${mark}: ${marked.get(mark)} and not ${expected(mark)}`),
    );
  };

  it('are what the two evaluations say, of each kind, and stand on the screen alone with a margin around it', async () => {
    await areMarked();
    const all = [...marked.values()].flat();
    assert.ok(
      [...marked.values()].every(({ length }) => length > 0),
      'each kind is seen',
    );
    assert.ok(all.length < 100, `${all.length} of ${ROWS / EVERY} results`);
  });

  it('come with the rows one scrolls to, and go from those one left', async () => {
    for (const line of [12_345, 60]) {
      const before = editor.visibleRanges[0]!.start.line;
      editor.revealRange(new vscode.Range(line, 0, line, 0), vscode.TextEditorRevealType.AtTop);
      await soon(
        () => editor.visibleRanges[0]!.contains(new vscode.Position(line, 0)),
        () => editor.visibleRanges,
      );
      await areMarked();
      const all = [...marked.values()].flat();
      assert.ok(all.length > 0 && all.every((each) => Math.abs(each - line) < 300), String(all));
      assert.ok(Math.abs(before - line) > 50);
    }
  });

  it('and results at the ends of lines are of the lines that are asked for, of a whole file of the first few hundred', async () => {
    const linesOf = async (first: number, last: number) => {
      const range = new vscode.Range(first, 0, last, 1000);
      const hints = await vscode.commands.executeCommand<vscode.InlayHint[]>(
        'vscode.executeInlayHintProvider',
        editor.document.uri,
        range,
      );
      return hints.map(({ position }) => position.line);
    };
    const asked = Array.from({ length: 41 }, (_, n) => 7000 + n).filter((line) => kindAt(line) !== undefined);
    const found = await eventually(async () => {
      const lines = await linesOf(7000, 7040);
      return lines.length > 0 && lines;
    });
    assert.deepEqual(found, asked);
    const most = await linesOf(0, ROWS);
    assert.ok(most.length > 0 && Math.max(...most) <= 400, String(Math.max(...most)));
  });

  it('are one on a line with several rows: broken before unsolved before fixed', async () => {
    const json = path.join(workspace(), 'marked.json');
    const kinds = [['fixed', null], ['fixed', 'unsolved'], ['unsolved', 'fixed', 'broken', null], [null]] as const;
    const lines = kinds.map((all, line) =>
      all.map((kind, n) => JSON.stringify({ question: `${kind} ${line} ${n}?`, answer: '1000' })).join(', '),
    );
    writeFileSync(json, `[${lines.join(',\n')}]`);
    const runOfJson = await recordJudged(workspace(), json, ({ question }) =>
      KINDS.find(({ mark }) => String(mark) === question.split(' ')[0]),
    );
    try {
      marked.clear();
      editor = await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(json));
      await runs.refresh();
      const wanted = String([
        ['broken', [2]],
        ['unsolved', [1]],
        ['fixed', [0]],
      ]);
      await soon(
        () => String([...marked]) === wanted,
        () => [...marked],
      );
    } finally {
      rmSync(json);
      rmSync(runOfJson, { recursive: true });
    }
  });
});
