/** A `.json` dataset in the editor, pretty-printed and on one line: results, hover, the cursor's question and notes are each row's own. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { jsonRowSources } from '../../src/engine/datasets/json_row_sources.ts';
import { rowAt } from '../../src/extension/dataset/dataset_rows.ts';
import { type NoteRecord, notesFile } from '../../src/extension/notes/notes_file.ts';
import { CursorQuestion } from '../../src/extension/rationales/cursor_question.ts';
import { eventually } from '../support/eventually.ts';
import { type Judged, recordJudged } from '../support/recorded_run.ts';
import { extension, workspace } from './studio.ts';

const OUTCOMES: readonly (Judged & { readonly label: string })[] = [
  { before: false, after: true, label: 'fixed · ' },
  { before: true, after: true, label: '' },
  { before: true, after: false, label: 'broken · ' },
  { before: false, after: false, label: 'unsolved · ' },
];
const ROWS = OUTCOMES.map((_, n) => ({ question: `Question ${n}?`, answer: String(1000 + n) }));

const LAYOUTS = { 'pretty-printed': JSON.stringify(ROWS, null, 2), 'on one line': JSON.stringify(ROWS) };

for (const [layout, text] of Object.entries(LAYOUTS)) {
  describe(`a .json dataset, ${layout}`, () => {
    const isOneLine = !text.includes('\n');
    let file: string;
    let run: string;
    let document: vscode.TextDocument;
    let controller: vscode.CommentController;

    const offsetOf = (n: number) => document.getText().indexOf(`Question ${n}?`);
    const inside = (n: number) => document.positionAt(offsetOf(n));
    /** Where the result of a row is to stand: behind its first line, or behind the row itself. */
    const resultPlace = (n: number): vscode.Position => {
      const { line, endColumn } = jsonRowSources(document.getText()).sources[n]!;
      return isOneLine ? new vscode.Position(0, endColumn - 1) : document.lineAt(line - 1).range.end;
    };
    const keyOf = (n: number) => {
      const found = rowAt(document, inside(n));
      return found.kind === 'row' ? found.row.rowKey : assert.fail(found.kind);
    };
    const hints = () =>
      vscode.commands.executeCommand<vscode.InlayHint[]>(
        'vscode.executeInlayHintProvider',
        document.uri,
        new vscode.Range(0, 0, document.lineCount, 0),
      );
    const hoverAt = async (place: vscode.Position) => {
      const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
        'vscode.executeHoverProvider',
        document.uri,
        place,
      );
      const values = hovers.flatMap(({ contents }) => (contents as vscode.MarkdownString[]).map(({ value }) => value));
      return values.find((value) => value.includes('command:latro.showRationales'));
    };
    const notes = (): NoteRecord[] =>
      existsSync(notesFile(file)) ? JSON.parse(readFileSync(notesFile(file), 'utf8')).notes : [];
    const edit = async (change: (edit: vscode.WorkspaceEdit) => void) => {
      const made = new vscode.WorkspaceEdit();
      change(made);
      assert.ok(await vscode.workspace.applyEdit(made));
    };

    before(async () => {
      await extension().activate();
      controller = vscode.comments.createCommentController('test', 'test');
      file = path.join(workspace(), `${layout.replaceAll(' ', '_')}.json`);
      writeFileSync(file, text);
      run = await recordJudged(workspace(), file, ({ question }) => OUTCOMES[Number(/\d/.exec(question))]);
      document = await vscode.workspace.openTextDocument(file);
      await vscode.window.showTextDocument(document);
    });
    after(async () => {
      controller.dispose();
      await vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
      for (const each of [file, notesFile(file)]) rmSync(each, { force: true });
      rmSync(run, { recursive: true });
    });

    it('has the result of every row at its place', async () => {
      const found = await eventually(async () => {
        const all = await hints();
        return all.length === ROWS.length && all;
      });
      for (const [n, { position, label }] of found.entries()) {
        assert.deepEqual(position, resultPlace(n), `row ${n}`);
        assert.match(String(label), new RegExp(`^${OUTCOMES[n]!.label}\\d of 4 right · `));
      }
    });

    it('has a hover of the row whose result is pointed at', async () => {
      for (const [n, { label }] of OUTCOMES.entries()) {
        const shown = await hoverAt(resultPlace(n));
        const headline = (shown ?? '').split('\n')[0]!.replaceAll('&nbsp;', ' ').replaceAll('\\', '');
        assert.match(headline, new RegExp(`^\\*\\*${label}\\d of 4 right`), `row ${n}`);
        const [, encoded] = /command:latro\.showRationales\?([^)]+)\)/.exec(shown!)!;
        await vscode.commands.executeCommand('latro.showRationales', ...JSON.parse(decodeURIComponent(encoded!)));
        const { active } = vscode.window.activeTextEditor!.selection;
        const there = rowAt(document, active);
        assert.equal(there.kind === 'row' && there.row.question, ROWS[n]!.question, 'its link leads to it');
        assert.equal(await hoverAt(inside(n)), undefined, 'over the text it would be in the way');
      }
    });

    it('has at the cursor the question of the row around it', async () => {
      const cursor = new CursorQuestion();
      try {
        const editor = await vscode.window.showTextDocument(document);
        for (const [n, source] of jsonRowSources(document.getText()).sources.entries()) {
          const begin = new vscode.Position(source.line - 1, source.column - 1);
          const end = new vscode.Position(source.endLine - 1, source.endColumn - 1);
          for (const place of [begin, inside(n), end.translate(0, -1), end]) {
            editor.selection = new vscode.Selection(place, place);
            cursor.update();
            const { current } = cursor;
            assert.equal(current.kind === 'question' && current.question.row.question, ROWS[n]!.question);
          }
        }
      } finally {
        cursor.dispose();
      }
    });

    it('keeps a note with its row while others are edited, sorted and deleted, and takes it along when it is corrected', async () => {
      const editor = await vscode.window.showTextDocument(document);
      const write = async (n: number, text: string) => {
        const noted = inside(n);
        editor.selection = new vscode.Selection(noted, noted);
        // The gutter begins a thread at the beginning of the line, wherever the cursor is in it.
        const thread = controller.createCommentThread(document.uri, new vscode.Range(noted.line, 0, noted.line, 0), []);
        thread.collapsibleState = vscode.CommentThreadCollapsibleState.Expanded; // as VS Code's own are from the first
        await vscode.commands.executeCommand('latro.addNote', { thread, text });
      };
      await write(2, 'Is this right?');
      const [note] = await eventually(() => notes().length === 1 && notes());
      assert.equal(note?.rowKey, keyOf(2));

      await edit((made) => made.insert(document.uri, inside(0), 'Another: '));
      await document.save();
      const whole = new vscode.Range(0, 0, document.lineCount, 0);
      const others = [3, 2, 1].map((n) => ROWS[n]);
      await edit((made) => made.replace(document.uri, whole, JSON.stringify(others, null, isOneLine ? 0 : 2)));
      await document.save();
      assert.deepEqual(notes(), [note], 'sorted, and one deleted');
      assert.equal(note?.rowKey, keyOf(2));

      const [first, second, third] = jsonRowSources(document.getText()).sources;
      const begin = ({ line, column }: typeof first & object) => new vscode.Position(line - 1, column - 1);
      await edit((made) => made.delete(document.uri, new vscode.Range(begin(first!), begin(second!))));
      await document.save();
      assert.ok(third);
      assert.deepEqual(notes(), [note], 'the one before it deleted');

      const answer = document.positionAt(document.getText().indexOf('1002'));
      await edit((made) => made.replace(document.uri, new vscode.Range(answer, answer.translate(0, 4)), '7'));
      await document.save();
      const now = keyOf(2);
      assert.notEqual(now, note?.rowKey);
      await eventually(() => notes()[0]?.rowKey === now);
      assert.equal(notes().length, 1);

      // The row is deleted: its note waits for it, and goes to no other, not even with one that is corrected.
      await write(1, 'Nor this?');
      await eventually(() => notes().length === 2);
      const [own, next] = jsonRowSources(document.getText()).sources;
      await edit((made) => made.delete(document.uri, new vscode.Range(begin(own!), begin(next!))));
      await document.save();
      await edit((made) => made.insert(document.uri, inside(1), 'Once more: '));
      await document.save();
      await eventually(() => notes()[1]?.rowKey === keyOf(1));
      assert.equal(notes()[0]?.rowKey, now);
    });
  });
}
