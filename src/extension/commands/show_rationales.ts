import * as v from 'valibot';
import * as vscode from 'vscode';
import { openRow } from '../dataset/open_row.ts';
import type { CursorQuestion } from '../rationales/cursor_question.ts';
import type { RationaleView } from '../rationales/rationale_view.ts';
import { StepRow } from '../runs/step_row.ts';

/** What links in hovers and comments hand over. */
const Place = v.object({ uri: v.string(), line: v.pipe(v.number(), v.integer(), v.minValue(0)) });

/**
 * Shows the side panel with the rationales of the row under the cursor, or of the row a link names (0-based line); those of a step are
 * of its run, whichever run is shown otherwise.
 */
export async function showRationales(
  { cursor, panel }: { readonly cursor: CursorQuestion; readonly panel: Pick<RationaleView, 'chooseStep'> },
  argument: unknown,
): Promise<void> {
  const place = v.safeParse(Place, argument);
  const row = v.safeParse(StepRow, argument);
  if (row.success) {
    const { dataset, rowKey, line, runId, step } = row.output;
    await openRow(dataset, rowKey, line);
    await panel.chooseStep({ file: vscode.Uri.file(dataset).fsPath, rowKey, runId, step });
  } else if (place.success) {
    const { uri, line } = place.output;
    const at = new vscode.Position(line, 0);
    await vscode.window.showTextDocument(vscode.Uri.parse(uri, true), { selection: new vscode.Range(at, at) });
  } else if (cursor.current.kind === 'question') {
    // Behind the walkthrough or a panel nobody could move the cursor on from here.
    const { file } = cursor.current.question;
    const isSeen = vscode.window.visibleTextEditors.some(({ document }) => document.fileName === file);
    if (!isSeen) await vscode.window.showTextDocument(vscode.Uri.file(file));
  }
  await vscode.commands.executeCommand('latro.rationales.focus');
}
