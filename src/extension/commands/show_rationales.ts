import * as v from 'valibot';
import * as vscode from 'vscode';
import type { CursorQuestion } from '../rationales/cursor_question.ts';

/** What links in hovers and comments hand over. */
const Place = v.object({ uri: v.string(), line: v.pipe(v.number(), v.integer(), v.minValue(0)) });

/** Shows the side panel with the rationales of the row under the cursor, or of the row a link names (0-based line). */
export async function showRationales(cursor: CursorQuestion, argument: unknown): Promise<void> {
  const place = v.safeParse(Place, argument);
  if (place.success) {
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
