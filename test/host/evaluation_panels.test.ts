/** Panels of pairs of evaluations: one per pair, each with a title of its own, and of what the files say now. */
import assert from 'node:assert/strict';
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import * as vscode from 'vscode';
import { accuracyKind } from '../../src/extension/panels/accuracy_diff.ts';
import { type PanelController, PanelGroup, type PanelKind } from '../../src/extension/panels/panel_group.ts';
import { Reporter } from '../../src/extension/reporter.ts';
import type { EvaluationPair, EvaluationReference } from '../../src/extension/runs/evaluation_pairs.ts';
import { RunsWatcher } from '../../src/extension/runs/runs_watcher.ts';
import { StoredEvaluations } from '../../src/extension/runs/stored_evaluations.ts';
import type { AccuracyComparison, AccuracyHostMessage, AccuracyIntent } from '../../src/protocol/panel_messages.ts';
import type { EvaluationRow } from '../../src/protocol/records.ts';
import { eventually } from '../support/eventually.ts';
import { recordRun } from '../support/recorded_run.ts';
import { endEngine, extension, workspace } from './studio.ts';

type Kind = PanelKind<EvaluationPair, AccuracyHostMessage, AccuracyIntent>;
interface Open {
  readonly controller: PanelController<AccuracyIntent>;
  readonly posted: AccuracyHostMessage[];
  isClosed: boolean;
  /** Whether the page has said that it is there, and was answered. */
  hasAsked: boolean;
}

const VIEW = 'latro.accuracyUnderTest';
/** Until what came before has been told of. */
const QUIET_MILLISECONDS = 500;

class Memory implements vscode.Memento {
  readonly #values = new Map<string, unknown>();
  keys = () => [...this.#values.keys()];
  get = <T>(key: string, otherwise?: T) => (this.#values.get(key) ?? otherwise) as T;
  update = async (key: string, value: unknown) => void this.#values.set(key, value);
}

describe('panels of pairs of evaluations', () => {
  const outside = () => path.join(workspace(), '.latro', 'evaluations');
  let runA: string;
  let runB: string;
  let runs: RunsWatcher;
  let log: vscode.LogOutputChannel;
  let group: PanelGroup<EvaluationPair, AccuracyHostMessage, AccuracyIntent>;
  let opened: Open[];
  let choose: (shown: EvaluationPair) => Promise<EvaluationPair>;

  const copyOf = (folder: string, from: string, name: string, change = (text: string) => text) => {
    const summary = JSON.parse(readFileSync(path.join(runA, 'evaluations', `${from}.json`), 'utf8'));
    writeFileSync(path.join(folder, `${name}.json`), JSON.stringify({ ...summary, name }));
    const rows = readFileSync(path.join(runA, 'evaluations', `${from}.jsonl`), 'utf8');
    writeFileSync(path.join(folder, `${name}.jsonl`), change(rows));
  };
  const allWrong = (rows: string) =>
    rows
      .trimEnd()
      .split('\n')
      .map((line) => {
        const row: EvaluationRow = JSON.parse(line);
        return `${JSON.stringify({ ...row, greedy: { ...row.greedy, correct: false } })}\n`;
      })
      .join('');
  const reference = (run: string, evaluation: string): EvaluationReference => ({
    runId: path.basename(run),
    evaluation,
  });
  const ofSet = (set: string): EvaluationPair => ({
    before: reference(runA, `step-000010-${set}`),
    after: reference(runB, 'step-000003-test'),
  });
  const tabs = () =>
    vscode.window.tabGroups.all
      .flatMap((all) => all.tabs)
      .filter(({ input }) => input instanceof vscode.TabInputWebview && input.viewType.endsWith(VIEW));
  const activeTitle = () => eventually(() => tabs().find(({ isActive }) => isActive)?.label);
  const comparisons = ({ posted }: Open): AccuracyComparison[] =>
    posted.flatMap((message) =>
      message.type === 'snapshot' && message.snapshot.kind === 'comparison' ? [message.snapshot] : [],
    );
  const rightAfter = ({ questions }: AccuracyComparison) => questions.filter(({ after }) => after.correct).length;
  const shown = async (open: Open): Promise<AccuracyComparison> => {
    await open.controller.obey({ type: 'ready' });
    return comparisons(open).at(-1)!;
  };
  const show = async (pair: EvaluationPair): Promise<Open> => {
    await group.show(pair);
    return opened.at(-1)!;
  };

  before(async () => {
    await extension().activate();
    const dist = path.join(extension().extensionPath, 'dist');
    copyFileSync(path.join(dist, 'comparison_worker.cjs'), path.join(dist, 'test', 'comparison_worker.cjs'));
    runA = await recordRun(workspace());
    runB = path.join(path.dirname(runA), 'another-run');
    cpSync(runA, runB, { recursive: true });
    const record = JSON.parse(readFileSync(path.join(runA, 'run.json'), 'utf8'));
    writeFileSync(path.join(runB, 'run.json'), JSON.stringify({ ...record, id: path.basename(runB) }));
    copyOf(path.join(runB, 'evaluations'), 'step-000010-test', 'step-000003-test');
    for (const set of ['test-2026a', 'test-2026b'])
      copyOf(path.join(runA, 'evaluations'), 'step-000010-test', `step-000010-${set}`);
    mkdirSync(outside(), { recursive: true });
    log = vscode.window.createOutputChannel('evaluation panels', { log: true });
  });
  beforeEach(async () => {
    runs = new RunsWatcher(workspace(), log);
    await runs.refresh();
    opened = [];
    choose = async (pair) => pair;
    const reporter = new Reporter(log);
    const evaluations = new StoredEvaluations(runs, outside(), log);
    const kind: Kind = accuracyKind({ evaluations, reporter, choose: (pair) => choose(pair) });
    const { extensionUri } = extension();
    group = new PanelGroup(
      { extensionUri, memento: new Memory(), reporter, log },
      {
        ...kind,
        viewType: VIEW,
        open(pair, port) {
          const posted: AccuracyHostMessage[] = [];
          const post = (message: AccuracyHostMessage) => {
            posted.push(message);
            port.post(message);
          };
          const controller = kind.open(pair, { ...port, post });
          const open = { controller, posted, isClosed: false, hasAsked: false };
          opened.push(open);
          const dispose = () => {
            open.isClosed = true;
            controller.dispose();
          };
          const obey = async (intent: AccuracyIntent) => {
            await controller.obey(intent);
            if (intent.type === 'ready') open.hasAsked = true;
          };
          return { obey, dispose };
        },
      },
    );
  });
  afterEach(async () => {
    group.dispose();
    runs.dispose();
    await eventually(() => tabs().length === 0);
  });
  after(async () => {
    log.dispose();
    for (const folder of [runA, runB, outside()]) rmSync(folder, { recursive: true });
    await endEngine();
  });

  it('are told apart by their titles and by what they call the two sides', async () => {
    const pairs = ['test', 'test-2026a', 'test-2026b'].map(ofSet);
    const titles: string[] = [];
    const sides: string[] = [];
    for (const pair of pairs) {
      const open = await show(pair);
      titles.push(
        await eventually(() =>
          tabs()
            .map(({ label }) => label)
            .find((label) => !titles.includes(label)),
        ),
      );
      const { labels } = await shown(open);
      sides.push(`${labels.before} → ${labels.after}`);
    }
    assert.equal(opened.length, pairs.length);
    assert.equal(new Set(sides).size, pairs.length, sides.join('\n'));
    for (const [i, pair] of [...pairs.entries()].reverse()) {
      await group.show(pair);
      await eventually(() => tabs().some(({ isActive, label }) => isActive && label === titles[i]));
    }
    assert.equal(opened.length, pairs.length, 'each was there already');
  });

  it('whose titles are equal name both evaluations', async () => {
    const within = (set: string) => ({
      before: reference(runA, 'base-test'),
      after: reference(runA, `step-000010-${set}`),
    });
    // The weights of step 0 and those of the base have the same words.
    copyOf(path.join(runA, 'evaluations'), 'base-test', 'step-000000-test');
    const other = { ...within('test'), before: reference(runA, 'step-000000-test') };
    await show(within('test'));
    await show(other);
    await eventually(() => tabs().length === 2);
    const id = path.basename(runA);
    const detail = `(${id}/step-000000-test → ${id}/step-000010-test)`;
    assert.ok((await activeTitle()).endsWith(detail), await activeTitle());
    await group.show(within('test'));
    await eventually(async () => !(await activeTitle()).endsWith(detail));
    choose = async () => other;
    await opened[0]!.controller.obey({ type: 'choose' });
    await eventually(async () => (await activeTitle()).endsWith(detail));
    assert.equal(tabs().length, 2, 'the one that was there came to the front');
    rmSync(path.join(runA, 'evaluations', 'step-000000-test.json'));
  });

  it('asked for twice in a row are one', async () => {
    await Promise.all([group.show(ofSet('test')), group.show(ofSet('test'))]);
    assert.equal(opened.length, 1);
    await eventually(() => tabs().length === 1);
  });

  it('closed while a pair is picked leave nothing behind', async () => {
    let pick = (_pair: EvaluationPair): void => {};
    choose = () =>
      new Promise((resolve) => {
        pick = resolve;
      });
    const open = await show(ofSet('test'));
    const choosing = open.controller.obey({ type: 'choose' });
    await eventually(() => tabs().length === 1);
    await vscode.window.tabGroups.close(tabs());
    // The tab is gone before the panel is told.
    await eventually(() => open.isClosed && tabs().length === 0);
    pick(ofSet('test-2026a'));
    await choosing;
    await group.show(ofSet('test-2026a'));
    await eventually(() => tabs().length === 1);
    assert.equal(opened.length, 2);
  });

  it('follow their files: a run that was rolled back writes others under the same names', async () => {
    const rolledBack = 'step-000010-test-2026a';
    copyOf(path.join(runA, 'evaluations'), 'step-000010-test', rolledBack);
    const pair = { before: reference(runA, 'base-test'), after: reference(runA, rolledBack) };
    const open = await show(pair);
    // The page's own first question is answered with 'loading', whenever it comes.
    await eventually(() => open.hasAsked);
    const before = await shown(open);
    assert.ok(rightAfter(before) > 0);
    await runs.refresh();
    const count = open.posted.length;
    copyOf(path.join(runA, 'evaluations'), 'step-000010-test', rolledBack, allWrong);
    await runs.refresh();
    await eventually(() => rightAfter(comparisons(open).at(-1)!) === 0);
    assert.ok(
      open.posted.slice(count).every((message) => message.type !== 'snapshot' || message.snapshot.kind !== 'loading'),
      'the figures change where they stand',
    );
  });

  it('of evaluations outside runs follow their files without being asked', async () => {
    const own = (evaluation: string) => ({ runId: null, evaluation });
    const [before, after] = [own('model-test-20260101-120000'), own('model-test-20260102-120000')];
    copyOf(outside(), 'base-test', before.evaluation);
    copyOf(outside(), 'step-000010-test', after.evaluation);
    const open = await show({ before, after });
    assert.ok(rightAfter(await shown(open)) > 0);
    await runs.start();
    await setTimeout(QUIET_MILLISECONDS);
    copyOf(outside(), 'step-000010-test', after.evaluation, allWrong);
    await eventually(() => rightAfter(comparisons(open).at(-1)!) === 0);
  });

  describe('in the editor', () => {
    let comparison: AccuracyComparison;
    let open: Open;
    beforeEach(async () => {
      open = await show({ before: reference(runA, 'base-test'), after: reference(runA, 'step-000010-test') });
      comparison = await shown(open);
    });
    afterEach(async () => {
      while (vscode.window.activeTextEditor !== undefined)
        await vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
    });
    const test = () => path.join(workspace(), 'test.jsonl');
    /** In the order of the screen, which need not be that of the file. */
    const listed = () => comparison.questions.toReversed();

    it('write what is listed as it is listed, CSV and Markdown, and save nothing', async () => {
      const all = listed();
      assert.ok(all.length > 1);
      for (const questions of [all, all.slice(0, 1)]) {
        const ids = questions.map(({ id }) => id);
        await open.controller.obey({ type: 'export', format: 'csv', ids, filters: [] });
        const { document: csv } = vscode.window.activeTextEditor!;
        assert.ok(csv.isUntitled);
        const rows = csv.getText().trimEnd().split(/\r?\n/).slice(1);
        assert.deepEqual(
          rows.map((row) => row.split(',').slice(0, 2)),
          questions.map(({ line, rowKey }) => [String(line), rowKey]),
        );
        const filters = ['only these'];
        await open.controller.obey({ type: 'export', format: 'markdown', ids, filters });
        const { document: markdown } = vscode.window.activeTextEditor!;
        assert.equal(markdown.languageId, 'markdown');
        assert.ok(markdown.isUntitled);
        const text = markdown.getText();
        assert.deepEqual(
          [...text.matchAll(/^\| (\d+) \| [^|]+ \| ([^|]+) \|/gm)].map(([, line, question]) => [
            Number(line),
            question,
          ]),
          questions.map(({ line, question }) => [line, question]),
        );
        assert.ok(text.includes(`${questions.length} of ${all.length} questions are listed: only these.`), text);
      }
    });

    it('show a row of the dataset where it stands by now, and say when it is gone', async () => {
      const [last, first] = [comparison.questions.at(-1)!, comparison.questions[0]!];
      const document = await vscode.workspace.openTextDocument(test());
      const insertion = new vscode.WorkspaceEdit();
      insertion.insert(document.uri, new vscode.Position(0, 0), '{"question": "New?", "answer": "1"}\n');
      await vscode.workspace.applyEdit(insertion);
      for (const { rowKey, line } of [last, first]) {
        await open.controller.obey({ type: 'open-row', rowKey, line });
        const editor = vscode.window.activeTextEditor!;
        assert.equal(editor.document.fileName, test());
        assert.equal(editor.selection.active.line, line, 'a line further down, counted from 0');
      }
      const deletion = new vscode.WorkspaceEdit();
      deletion.delete(document.uri, document.lineAt(first.line).rangeIncludingLineBreak);
      await vscode.workspace.applyEdit(deletion);
      await assert.rejects(
        open.controller.obey({ type: 'open-row', rowKey: first.rowKey, line: first.line }),
        /The question of line \d+ is no longer in test\.jsonl/,
      );
    });
  });
});
