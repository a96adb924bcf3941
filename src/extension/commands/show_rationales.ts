import * as v from 'valibot';
import * as vscode from 'vscode';
import type { DatasetRow } from '../../engine/datasets/row.ts';
import { openRow } from '../dataset/open_row.ts';
import type { CursorQuestion } from '../rationales/cursor_question.ts';
import type { RationaleView } from '../rationales/rationale_view.ts';
import { StepRow } from '../runs/step_row.ts';

const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
/** What links in hovers and comments hand over. */
const Place = v.object({ uri: v.string(), line: Count, character: v.optional(Count, 0) });

export interface RationaleServices {
  readonly cursor: CursorQuestion;
  readonly panel: Pick<RationaleView, 'chooseStep'>;
  /** The sampled row to go to from a place; undefined: none, or it is best to stay. */
  readonly nearest: (document: vscode.TextDocument, at: vscode.Position) => Promise<DatasetRow | undefined>;
}

/**
 * Shows the side panel with the rationales of the row under the cursor, or of the row a link names (0-based place); those of a step are
 * of its run, whichever run is shown otherwise. Without a link it goes on to the nearest row that was sampled where this one was not.
 */
export async function showRationales({ cursor, panel, nearest }: RationaleServices, argument: unknown): Promise<void> {
  const place = v.safeParse(Place, argument);
  const row = v.safeParse(StepRow, argument);
  if (row.success) {
    const { dataset, rowKey, line, runId, step } = row.output;
    await openRow(dataset, rowKey, line);
    await panel.chooseStep({ file: vscode.Uri.file(dataset).fsPath, rowKey, runId, step });
  } else if (place.success) {
    const { uri, line, character } = place.output;
    const at = new vscode.Position(line, character);
    await vscode.window.showTextDocument(vscode.Uri.parse(uri, true), { selection: new vscode.Range(at, at) });
  } else {
    cursor.update();
    const { document } = cursor;
    if (document !== undefined) {
      // Behind the walkthrough or a panel nobody could move the cursor on from here.
      const seen = vscode.window.visibleTextEditors.filter((each) => each.document === document);
      const active = seen.find((each) => each === vscode.window.activeTextEditor) ?? seen[0];
      const editor = active ?? (await vscode.window.showTextDocument(document));
      const sampled = argument === undefined ? await nearest(document, editor.selection.active) : undefined;
      if (sampled !== undefined) await openRow(document.fileName, sampled.rowKey, sampled.line);
    }
  }
  await vscode.commands.executeCommand('latro.rationales.focus');
}
