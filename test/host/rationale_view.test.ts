/** The side panel's half in the extension host, on a webview that keeps what is posted to it: what it tells, and when. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as vscode from 'vscode';
import { systemClock } from '../../src/engine/common/clock.ts';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { systemProcesses } from '../../src/engine/runs/processes.ts';
import { resolveRunConfig } from '../../src/engine/runs/resolve_config.ts';
import { RunStore } from '../../src/engine/runs/run_store.ts';
import type { RunWriter } from '../../src/engine/runs/run_writer.ts';
import type { CursorQuestion } from '../../src/extension/rationales/cursor_question.ts';
import type { RatingStore } from '../../src/extension/rationales/rating_store.ts';
import type { RationaleStore } from '../../src/extension/rationales/rationale_store.ts';
import { updatesBehind } from '../../src/extension/runs/checkpoints.ts';
import { RolloutIndex } from '../../src/extension/runs/rollout_index.ts';
import type { RunsWatcher } from '../../src/extension/runs/runs_watcher.ts';
import type { Settings } from '../../src/extension/settings.ts';
import { type RatingRecord, ratingsFile } from '../../src/protocol/ratings.ts';
import type { RationaleIntent } from '../../src/protocol/rationale_messages.ts';
import { eventually, soon } from '../support/eventually.ts';
import { toyRollout, UNKNOWN_IDENTITY } from '../support/toy_run.ts';
import { keptSnapshot } from '../webview/fixtures/rationales.ts';
import { endEngine, extension, workspace } from './studio.ts';
import { sidePanel, ViewOnTrial } from './trial_view.ts';

describe('the side panel in the extension host', () => {
  const trial = new ViewOnTrial();
  const disposables: vscode.Disposable[] = [];
  let folder: string;
  let file: string;
  let editor: vscode.TextEditor;
  let ratings: RatingStore;
  let cursor: CursorQuestion;
  let store: RationaleStore;
  let settings: Settings;
  let runs: RunsWatcher;
  /** Reasons that went into the log. */
  const logged: string[] = [];
  const shows = (question: string) =>
    soon(
      () => trial.question?.question === question && trial.question,
      () => trial.posted.at(-1),
    );
  const goTo = (line: number) => {
    editor.selection = new vscode.Selection(line, 0, line, 0);
  };
  const onDisk = (): RatingRecord[] =>
    existsSync(ratingsFile(file)) ? JSON.parse(readFileSync(ratingsFile(file), 'utf8')).ratings : [];

  before(async () => {
    await extension().activate();
    folder = mkdtempSync(path.join(tmpdir(), 'latro-view-'));
    file = path.join(workspace(), 'view.jsonl');
    writeFileSync(file, ['a?', 'b?'].map((question) => `${JSON.stringify({ question, answer: '4' })}\n`).join(''));
    editor = await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(file));
    const panel = sidePanel(folder, logged);
    ({ cursor, ratings, store, settings, runs } = panel);
    disposables.push(...panel.disposables);
    panel.view.resolveWebviewView(trial as unknown as vscode.WebviewView);
    const { rowKey } = await shows('a?');
    await store.addSet(rowKey, { owner: settings.modelFolder!, set: { ...keptSnapshot.current!, checkpoint: 'base' } });
    trial.send({ type: 'ready' });
    await eventually(() => trial.question?.current);
  });
  after(async () => {
    for (const each of disposables) each.dispose();
    await endEngine(folder);
    await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
    for (const name of [file, ratingsFile(file)]) rmSync(name, { force: true });
    rmSync(folder, { recursive: true, force: true });
  });

  it('shows all of the question under the cursor when it becomes visible again', async () => {
    trial.become(false);
    goTo(1);
    await eventually(() => (JSON.stringify(trial.lost.at(-1)) ?? '').includes('"question":"b?"'));
    // Whatever else draws has done so: what comes now is because it is visible.
    let lost = 0;
    while (lost !== trial.lost.length) {
      lost = trial.lost.length;
      await new Promise((resolve) => setTimeout(resolve, 400));
    }
    trial.become(true);
    await shows('b?');
    goTo(0);
    await shows('a?');
  });

  it('keeps what a person looks into while other weights sample, says so, and lets go when the person does', async () => {
    const { rowKey, current } = await shows('a?');
    const owner = settings.modelFolder!;
    const later = { ...current!, checkpoint: 'step-7', step: 7 };
    trial.send({ type: 'hold', rowKey, run: null, checkpoint: 'base' });
    await store.addSet(rowKey, { owner, set: later });
    trial.send({ type: 'ready' });
    await eventually(() => trial.question?.newer?.checkpoint === 'step-7');
    assert.equal(trial.question?.current?.checkpoint, 'base');
    trial.send({ type: 'let-go', rowKey });
    await eventually(() => trial.question?.current?.checkpoint === 'step-7');
    assert.equal(trial.question?.newer, undefined);
    // Another question in between ends it as well.
    trial.send({ type: 'hold', rowKey, run: null, checkpoint: 'base' });
    goTo(1);
    await shows('b?');
    goTo(0);
    assert.equal((await shows('a?')).current?.checkpoint, 'step-7');
    await store.removeSet(rowKey, { owner, checkpoint: 'step-7' });
    trial.send({ type: 'ready' });
    await eventually(() => trial.question?.current?.checkpoint === 'base');
  });

  it('shows a rating that was changed elsewhere, and one of the panel leaves that change alone', async () => {
    const { current, rowKey } = await shows('a?');
    const { id, record } = current!.rationales[0]!;
    const ratingShown = () => trial.question?.current?.rationales.find((each) => each.id === id)?.rating;
    await ratings.rate(file, rowKey, record.text, { verdict: 'useful', note: 'B' });
    await eventually(() => ratingShown()?.note === 'B');
    trial.send({ type: 'rate', rowKey, rationale: id, rating: { verdict: 'wrong' }, token: 'the first' });
    await eventually(() => trial.question?.rated === 'the first');
    assert.deepEqual(ratingShown(), { verdict: 'wrong', note: 'B' });
  });

  it('stores a note on what was shown, though the cursor has moved on by then', async () => {
    const { current, rowKey } = await shows('a?');
    const { id } = current!.rationales[1]!;
    goTo(1);
    await shows('b?');
    trial.send({ type: 'rate', rowKey, rationale: id, rating: { note: 'sent late' }, token: 'the second' });
    await eventually(() => trial.question?.rated === 'the second');
    assert.deepEqual(
      onDisk().map(({ note }) => note),
      ['B', 'sent late'],
    );
    goTo(0);
    await shows('a?');
  });

  it('still shows the rationales while the ratings cannot be read, and says so', async () => {
    writeFileSync(ratingsFile(file), '{');
    const { failure, current } = await eventually(() => trial.question?.failure != null && trial.question);
    assert.match(failure!.reason, /view\.jsonl\.ratings\.json/);
    assert.ok(current!.rationales.length > 0);
    // A run that trains draws at every update; the log says once what is wrong.
    for (let draws = 0; draws < 3; draws++) {
      const before = trial.posted.length;
      trial.send({ type: 'ready' });
      await eventually(() => trial.posted.length > before);
    }
    assert.equal(logged.filter((line) => line.includes('ratings.json')).length, 1);
    rmSync(ratingsFile(file));
    await eventually(() => trial.question?.failure === null);
  });

  it('rates in the sidecar of the dataset that was shown, though another has the same row', async () => {
    const other = path.join(workspace(), 'view-copy.jsonl');
    writeFileSync(other, readFileSync(file));
    const { current, rowKey } = await shows('a?');
    const { id } = current!.rationales[0]!;
    // Pressed in the panel when the cursor has just gone to the equal row, and before that is drawn.
    const pressed = new Promise<void>((resolve) => {
      const listening = cursor.onChanged(() => {
        const at = cursor.current;
        if (at.kind !== 'question' || at.question.file !== other) return;
        listening.dispose();
        trial.send({ type: 'rate', rowKey, rationale: id, rating: { verdict: 'useful' } });
        resolve();
      });
      disposables.push(listening);
    });
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(other));
    await pressed;
    await eventually(() => onDisk().length === 1);
    assert.equal(existsSync(ratingsFile(other)), false);
    await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
    rmSync(other);
    editor = await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(file));
    goTo(0);
    await shows('a?');
  });

  it('says of a rationale that is gone what became of what was written, where anything was', async () => {
    const { rowKey } = await shows('a?');
    const gone = { type: 'rate', rowKey, rationale: 'gone' } as const;
    const told = async (intent: RationaleIntent) => {
      const before = logged.length;
      trial.send(intent);
      return await eventually(() => logged[before]);
    };
    assert.match(await told({ ...gone, rating: { verdict: 'wrong' } }), /not there any more\. It was discarded/);
    assert.match(await told({ ...gone, rating: { note: 'mine' } }), /still in the panel/);
  });

  it('puts the very text on the clipboard that the panel sends', async () => {
    await vscode.env.clipboard.writeText('of before');
    const text = 'two lines,\n  "quoted" — 三 ';
    trial.send({ type: 'copy', text });
    assert.equal(await eventually(async () => (await vscode.env.clipboard.readText()) !== 'of before'), true);
    assert.equal(await vscode.env.clipboard.readText(), text);
  });

  it('opens the row that was meant, of two equal ones too, though the cursor is elsewhere by then', async () => {
    const { rowKey } = await shows('a?');
    const again = new vscode.WorkspaceEdit();
    again.insert(editor.document.uri, new vscode.Position(2, 0), `${editor.document.lineAt(0).text}\n`);
    await vscode.workspace.applyEdit(again);
    for (const line of [3, 1]) {
      goTo(1);
      await shows('b?');
      await vscode.window.showTextDocument(await vscode.workspace.openTextDocument({ content: 'something else' }));
      trial.send({ type: 'open-row', rowKey, line });
      editor = await soon(
        () => {
          const { activeTextEditor } = vscode.window;
          return activeTextEditor?.document.fileName === file && activeTextEditor;
        },
        () => [vscode.window.activeTextEditor?.document.fileName, logged.at(-1)],
      );
      await soon(
        () => editor.selection.active.line === line - 1,
        () => editor.selection.active,
      );
      await shows('a?');
    }
    const before = logged.length;
    const deletion = new vscode.WorkspaceEdit();
    for (const line of [0, 2]) {
      deletion.delete(editor.document.uri, editor.document.lineAt(line).rangeIncludingLineBreak);
    }
    await vscode.workspace.applyEdit(deletion);
    trial.send({ type: 'open-row', rowKey, line: 3 });
    assert.match(await eventually(() => logged[before]), /question of line 3 is no longer in view\.jsonl/);
    await vscode.commands.executeCommand('workbench.action.files.revert');
    goTo(0);
    await shows('a?');
  });

  describe('of runs that train on one dataset', () => {
    let rowKey: string;
    let [older, newer]: RunWriter[] = [];
    const newRun = async (): Promise<RunWriter> => {
      const world = { files: new NodeFileSystem(), clock: systemClock, processes: systemProcesses };
      const config = { model: settings.modelFolder!, dataset: { train: file }, steps: 100 };
      const run = await new RunStore(world, runs.folder).create(resolveRunConfig(config, '').config, UNKNOWN_IDENTITY);
      await run.update({ step: 9, totalSteps: 100, phase: 'training' });
      return run;
    };
    /** What the updates of these numbers sampled for the row; the panel is told. */
    const sample = async (run: RunWriter, ...steps: number[]): Promise<void> => {
      for (const step of steps) await run.writeRollouts(step, [{ ...toyRollout(step), rowKey }]);
      await runs.refresh();
    };
    const showing = (run: RunWriter, checkpoint: string) => {
      const { question } = trial;
      return question?.run === run.directory.id && question.current?.checkpoint === checkpoint && question;
    };
    const shown = (run: RunWriter, checkpoint: string) => eventually(() => showing(run, checkpoint));
    const hold = (run: RunWriter, checkpoint: string) =>
      trial.send({ type: 'hold', rowKey, run: run.directory.id, checkpoint });
    const score = async (run: RunWriter, checkpoint: string, edited: string) => {
      const index = new RolloutIndex(run.directory);
      await index.refresh();
      const weights = index.content(updatesBehind(checkpoint));
      const of = { run: run.directory.id, checkpoint, ...(weights === undefined ? {} : { weights }) };
      const rationale = `${run.directory.id}-1-0`;
      trial.send({ type: 'score-edited', rowKey, ...of, rationale, text: '4', edited });
      return eventually(() => trial.question?.current?.rationales.some(({ id }) => id === edited) && trial.question);
    };
    beforeEach(async () => {
      ({ rowKey } = await shows('a?'));
      older = await newRun();
      await sample(older, 1, 2, 3);
      await shown(older, 'step-2');
    });
    afterEach(async () => {
      for (const run of [older, newer]) await run?.close('finished');
      newer = undefined;
      rmSync(runs.folder, { recursive: true });
      await runs.refresh();
      await eventually(() => trial.question?.run === null);
    });

    it('opens the rollout of the update, the sample and the run that are meant, as it stands on disk', async () => {
      /** Of another run, so that equal numbers are other rollouts. */
      const others = (step: number) => {
        const { rationales, ...rest } = toyRollout(step);
        return {
          ...rest,
          rowKey,
          rationales: rationales.map((each) => ({ ...each, text: `${each.text}, said later` })),
        };
      };
      newer = await newRun();
      for (const step of [1, 2, 3]) await newer.writeRollouts(step, [others(step)]);
      await runs.refresh();
      await shown(newer, 'step-2');
      for (const [run, of] of [
        [newer, others],
        [older!, toyRollout],
      ] as const) {
        trial.send({ type: 'choose-run', rowKey, run: run.directory.id });
        await shown(run, 'step-2');
        for (const [step, sample] of [
          [2, 1],
          [3, 0],
        ] as const) {
          trial.send({ type: 'open-rollout', rowKey, step, sample });
          const { document } = await eventually(() => {
            const { activeTextEditor } = vscode.window;
            return activeTextEditor?.document.isUntitled && activeTextEditor;
          });
          assert.equal(document.languageId, 'json');
          assert.deepEqual(JSON.parse(document.getText()), of(step).rationales[sample]);
          await vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
          editor = await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(file));
          goTo(0);
          await shows('a?');
        }
      }
      const before = logged.length;
      trial.send({ type: 'open-rollout', rowKey, step: 9, sample: 0 });
      assert.match(await eventually(() => logged[before]), /not there any more/);
    });

    it('keeps that of the run which a person looks into when another begins, and tells of the other', async () => {
      hold(older!, 'step-2');
      newer = await newRun();
      await sample(newer, 1);
      const other = { checkpoint: 'base', run: newer.directory.id };
      assert.deepEqual((await eventually(() => trial.question?.newer && trial.question)).newer, other);
      assert.ok(showing(older!, 'step-2'));
      assert.deepEqual(trial.question?.runs, [newer.directory.id, older!.directory.id]);
      trial.send({ type: 'let-go', rowKey });
      assert.equal((await shown(newer, 'base')).newer, undefined);
      // The other run's weights of that name are not what was looked into.
      await sample(newer, 2, 3, 4);
      await shown(newer, 'step-3');
      hold(newer, 'step-3');
      trial.send({ type: 'choose-run', rowKey, run: older!.directory.id });
      await shown(older!, 'step-2');
      hold(older!, 'step-2');
      trial.send({ type: 'choose-run', rowKey, run: newer.directory.id });
      assert.equal((await shown(newer, 'step-3')).newer, undefined);
    });

    it('lets go of weights that a roll back took away, and follows what comes by their name', async () => {
      hold(older!, 'step-2');
      rmSync(older!.directory.rolloutFile(3));
      await runs.refresh();
      await shown(older!, 'step-1');
      for (const step of [3, 4, 5]) {
        await sample(older!, step);
        assert.equal((await shown(older!, `step-${step - 1}`)).newer, undefined);
      }
    });

    it('shows what was scored and keeps it while a run goes on, until the person lets go', async () => {
      const { current } = await score(older!, 'step-2', 'edited-1');
      assert.equal(current?.checkpoint, 'step-2');
      await sample(older!, 4);
      await eventually(() => trial.question?.newer?.checkpoint === 'step-3');
      assert.ok(showing(older!, 'step-2'), 'the update came after it');
      assert.equal((await score(older!, 'step-1', 'edited-2')).newer?.checkpoint, 'step-3', 'and before it');
      trial.send({ type: 'let-go', rowKey });
      await shown(older!, 'step-3');
    });

    it('scores a text by the run it was begun under, and shows it there', async () => {
      newer = await newRun();
      await sample(newer, 1, 2, 3);
      await shown(newer, 'step-2');
      const { run, current, newer: other } = await score(older!, 'step-2', 'edited-3');
      assert.deepEqual([run, current?.checkpoint], [older!.directory.id, 'step-2']);
      assert.deepEqual(other, { checkpoint: 'step-2', run: newer.directory.id });
      // Chosen by hand, other weights of that run would be shown.
      trial.send({ type: 'choose-checkpoint', rowKey, checkpoint: 'base' });
      await shown(older!, 'base');
      await score(older!, 'step-1', 'edited-4');
      trial.send({ type: 'let-go', rowKey });
      assert.ok((await shown(newer, 'step-2')).current?.rationales.every(({ origin }) => origin === 'run'));
    });
  });
});
