/** *Show Rationales* in an editor: who names no row is led to one that was sampled, who names one stays there. */
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { formatById } from '../../src/engine/datasets/registry.ts';
import { checkRow } from '../../src/engine/datasets/row_check.ts';
import type { StepRow } from '../../src/extension/runs/step_row.ts';
import { eventually } from '../support/eventually.ts';
import { recordRun } from '../support/recorded_run.ts';
import { extension, workspace } from './studio.ts';

const rowOf = (n: number) => JSON.stringify({ question: `${n} + 1?`, answer: String(n + 1) });
/** Those of the first lines the run has sampled; the others were added after it. */
const SAMPLED = 2;
const ROWS = 6;
const LAST = ROWS - 1;

describe('the row whose rationales are shown', () => {
  let folder: string;
  let file: string;
  let run: string;
  const editor = () => vscode.window.visibleTextEditors.find(({ document }) => document.fileName === file)!;
  const line = () => editor().selection.active.line;
  const goTo = async (line: number) => {
    const at = new vscode.Position(line, 0);
    await vscode.window.showTextDocument(vscode.Uri.file(file), { selection: new vscode.Range(at, at) });
  };
  const show = (argument?: unknown) => vscode.commands.executeCommand('latro.showRationales', argument);
  /** As a link of a hover or a comment names it, and as a step's rollouts do. */
  const link = (line: number) => ({ uri: vscode.Uri.file(file).toString(), line });
  const stepRow = (line: number): StepRow => {
    const { rowKey } = checkRow(rowOf(line), line + 1, formatById('starter')).row!;
    return { dataset: file, rowKey, line: line + 1, runId: path.basename(run), step: 1 };
  };

  before(async () => {
    await extension().activate();
    folder = path.join(workspace(), 'shown');
    file = path.join(folder, 'train.jsonl');
    mkdirSync(folder);
    const rows = Array.from({ length: ROWS }, (_, n) => `${rowOf(n)}\n`);
    writeFileSync(file, rows.slice(0, SAMPLED).join(''));
    writeFileSync(path.join(folder, 'test.jsonl'), rows.slice(0, SAMPLED).join(''));
    const recorded = await recordRun(folder);
    const runs = path.join(workspace(), '.latro', 'runs');
    mkdirSync(runs, { recursive: true });
    run = path.join(runs, path.basename(recorded));
    renameSync(recorded, run);
    writeFileSync(file, rows.join(''));
    // The list of runs follows the disk a moment later; from then on a row without rationales is left for one that has some.
    await eventually(async () => {
      await goTo(LAST);
      await show();
      return line() === SAMPLED - 1;
    });
  });
  after(async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    await vscode.commands.executeCommand('workbench.view.explorer');
    for (const each of [folder, run]) rmSync(each, { recursive: true, force: true });
  });

  for (const [name, argumentOf] of Object.entries({ link, 'row of a step': stepRow })) {
    it(`is the one that a ${name} names, with rationales or without`, async () => {
      for (const named of [LAST, 0, SAMPLED]) {
        await goTo(1);
        await show(argumentOf(named));
        assert.equal(line(), named);
      }
    });
  }

  it('is the one under the cursor where a menu hands over the file', async () => {
    await goTo(LAST);
    await show(vscode.Uri.file(file));
    assert.equal(line(), LAST);
  });

  it('stays the one under the cursor where that has rationales', async () => {
    await goTo(0);
    await show();
    assert.equal(line(), 0);
  });
});
