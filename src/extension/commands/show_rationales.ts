import * as v from 'valibot';
import * as vscode from 'vscode';

/** What links in hovers and comments hand over. */
const Place = v.object({ uri: v.string(), line: v.pipe(v.number(), v.integer(), v.minValue(0)) });

/** Shows the side panel with the rationales of the row under the cursor, or of the row a link names (0-based line). */
export async function showRationales(argument: unknown): Promise<void> {
  const place = v.safeParse(Place, argument);
  if (place.success) {
    const { uri, line } = place.output;
    const at = new vscode.Position(line, 0);
    await vscode.window.showTextDocument(vscode.Uri.parse(uri, true), { selection: new vscode.Range(at, at) });
  }
  await vscode.commands.executeCommand('latro.rationales.focus');
}
