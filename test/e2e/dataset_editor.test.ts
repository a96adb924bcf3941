import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { eventually } from '../support/eventually.ts';
import { recordRun } from '../support/recorded_run.ts';
import { openStudio, pictureOfFailure, type Studio } from './harness/studio.ts';

/** What a person sees and does in the dataset itself: results beside rows, a broken row mended, a note written. */
describe('a dataset in the editor', function () {
  this.timeout(300_000);
  let studio: Studio;
  const file = (name: string) => path.join(studio.workspace, name);

  before(async () => {
    studio = await openStudio({
      prepare: async (workspace) => {
        await recordRun(workspace);
        const rows = '{"question": "One?", "answer": "1"}\n{"question": "Two?", "answer": "2"}\n';
        await writeFile(path.join(workspace, 'typed.jsonl'), rows);
        await writeFile(path.join(workspace, 'questions.json'), '[{"question": "One?", "answer": "1"}]');
        await writeFile(path.join(workspace, 'other.json'), '{"name": "other"}');
      },
    });
  });
  after(() => studio?.close());
  afterEach(async function () {
    await pictureOfFailure(studio, this.currentTest);
  });

  it('shows the result of each row at its end, and marks what was fixed, broken or is still wrong', async () => {
    const { workbench, page } = studio;
    await workbench.openFile('train.jsonl');
    const lines = page.locator('.view-lines');
    await lines
      .getByText(/of.4.right/)
      .first()
      .waitFor();
    const hints = await lines.getByText(/of.4.right/).allInnerTexts();
    const outcomes = hints.filter((text) => /fixed|broken|unsolved/.test(text));
    const marks = page.locator('.glyph-margin-widgets [class*="ced-"], .margin-view-overlays [class*="ced-"]');
    assert.ok(outcomes.length > 0);
    assert.equal(await marks.count(), outcomes.length);
    await workbench.screenshot('inline-results');
  });

  it('tells on hover what the model thought best and worst', async () => {
    const { workbench, page } = studio;
    await workbench.goToLine(1);
    await page.keyboard.press('End');
    await page.keyboard.press('End');
    await page.keyboard.press('Control+K');
    await page.keyboard.press('Control+I');
    const hover = page.locator('.monaco-hover', { hasText: 'Best rationale' });
    await hover.waitFor();
    await workbench.screenshot('inline-hover');
    await hover.getByText('Show rationales').click();
    await workbench.view.getByText('Mia has 14 shells').first().waitFor();
  });

  it('underlines a row while a person mistypes it, and the light bulb there mends it with the keyboard alone', async () => {
    const { workbench, page } = studio;
    const { keyboard } = page;
    const line = page.locator('.part.editor .view-line', { hasText: 'Two?' });
    const squiggle = page.locator('.squiggly-error');
    await workbench.openFile('typed.jsonl');
    await workbench.goToLine(2);
    await line.waitFor();
    assert.equal(await squiggle.count(), 0);
    // Of the column, behind its name.
    await keyboard.press('End');
    for (const _ of '": "2"}') await keyboard.press('ArrowLeft');
    for (const _ of 'swer') await keyboard.press('Backspace');
    await keyboard.type('ser', { delay: 50 });
    await line.filter({ hasText: '"anser"' }).waitFor();
    await squiggle.first().waitFor();
    assert.equal(await page.locator('.tab.active.dirty').count(), 1, 'nobody has saved it');
    // Nothing of what stood there for the time of a key is left.
    await eventually(async () => (await squiggle.count()) === 1);
    await workbench
      .statusBarItem(/^\D*[12]\D+0/) // another file has one too, which may be counted already
      .first()
      .waitFor();
    await page.locator(':is(.lightBulbWidget, [class*=codicon-gutter-lightbulb]):visible').first().waitFor();
    await keyboard.press('Control+.');
    await page
      .locator('.action-widget .monaco-list-row.focused', { hasText: 'Rename the column to "answer"' })
      .waitFor();
    await workbench.screenshot('inline-quick-fix');
    await keyboard.press('Enter');
    await squiggle.first().waitFor({ state: 'detached' });
    await line.filter({ hasText: '"answer"' }).waitFor();
    await keyboard.press('Control+S');
    await page.locator('.tab.dirty').waitFor({ state: 'detached' });
    assert.match(await readFile(file('typed.jsonl'), 'utf8'), /\n\{"question": "Two\?", "answer": "2"\}\n$/);
  });

  it('offers in the menu of JSON what can be done with a dataset, where it is one', async () => {
    const { workbench, page } = studio;
    const offered = async (name: string): Promise<string[]> => {
      await workbench.openFile(name);
      await page
        .locator('.editor-group-container.active .title')
        .getByRole('button', { name: /More Actions/ })
        .click();
      const items = page.locator('.context-view .action-item .action-label');
      await items
        .filter({ hasText: 'Keep Open' })
        .or(items.filter({ hasText: 'Close All' }))
        .first()
        .waitFor();
      const labels = await items.allInnerTexts();
      await page.keyboard.press('Escape');
      return labels.filter((label) => /Train|Evaluate|Prompt/.test(label));
    };
    // Its rows are read a moment after it was opened.
    let ofQuestions = await offered('questions.json');
    for (let attempt = 0; attempt < 10 && ofQuestions.length === 0; attempt++) {
      ofQuestions = await offered('questions.json');
    }
    assert.deepEqual(ofQuestions, ['Train on This Dataset', 'Evaluate on This Dataset', 'Preview Prompt']);
    assert.deepEqual(await offered('other.json'), []);
  });

  it('keeps a note on its row when the row before it is deleted', async () => {
    const { workbench, page } = studio;
    await workbench.openFile('typed.jsonl');
    await workbench.goToLine(2);
    await workbench.runCommand('Comments: Add Comment on Current Selection', () =>
      page.locator('.comment-form .monaco-editor').waitFor(),
    );
    await page.keyboard.type('Is two right?');
    await page.getByRole('button', { name: 'Add Note' }).click();
    await page.locator('.review-widget .comment-body', { hasText: 'Is two right?' }).waitFor();
    await workbench.screenshot('inline-note');
    const before = JSON.parse(await readFile(file('typed.jsonl.notes.json'), 'utf8'));
    assert.equal(before.notes.length, 1);
    await workbench.goToLine(1);
    await page.keyboard.press('Control+Shift+K');
    await page.keyboard.press('Control+S');
    await page.locator('.tab.dirty').waitFor({ state: 'detached' });
    assert.deepEqual(JSON.parse(await readFile(file('typed.jsonl.notes.json'), 'utf8')), before);
    await page.locator('.review-widget .comment-body', { hasText: 'Is two right?' }).waitFor();
    const line = page.locator('.view-line', { hasText: 'Two?' }).first();
    const widget = page.locator('.review-widget').first();
    const gap = (await widget.boundingBox())!.y - (await line.boundingBox())!.y;
    assert.ok(gap > 0 && gap < 60, `the note stands ${gap} pixels below its row`);
  });

  it('edits that note, and takes it away', async () => {
    const { page } = studio;
    const notes = async (): Promise<string[]> =>
      JSON.parse(await readFile(file('typed.jsonl.notes.json'), 'utf8')).notes.map(
        ({ text }: { text: string }) => text,
      );
    const comment = page.locator('.review-widget .review-comment').first();
    const press = async (name: string) => {
      await comment.hover();
      await comment.getByRole('button', { name, exact: true }).click();
    };
    const inForm = (name: string) => comment.locator('.form-actions .monaco-button', { hasText: name });
    await press('Edit');
    const editor = comment.locator('.monaco-editor');
    await editor.waitFor();
    await page.keyboard.press('Control+A');
    await page.keyboard.type('Three is wrong.');
    await inForm('Cancel').click();
    await comment.locator('.comment-body', { hasText: 'Is two right?' }).waitFor();
    assert.deepEqual(await notes(), ['Is two right?']);
    // VS Code gathers the changes of a thread for a tenth of a second: cancelled and begun anew in that time is no change.
    await page.waitForTimeout(500);
    await press('Edit');
    await editor.waitFor();
    await page.keyboard.press('Control+A');
    await page.keyboard.type('Two is right.');
    await inForm('Save').waitFor();
    await page.keyboard.press('Control+Enter'); // presses the first of the form's buttons
    await comment.locator('.comment-body', { hasText: 'Two is right.' }).waitFor();
    assert.deepEqual(await notes(), ['Two is right.']);
    await press('Delete');
    await comment.waitFor({ state: 'detached' });
    assert.deepEqual(await notes(), []);
  });

  it('shows evaluation sets as tests, with the expected answer beside the actual one', async () => {
    const { workbench, page } = studio;
    await workbench.runCommand('Testing: Focus on Test Explorer View', () =>
      page.locator('.test-explorer .monaco-list-row', { hasText: 'test.jsonl' }).waitFor(),
    );
    const rows = page.locator('.test-explorer .monaco-list-row');
    // A set that has no questions yet cannot be unfolded.
    for (let attempt = 0; attempt < 6 && (await rows.count()) < 2; attempt++) {
      await rows.first().click();
      await page.keyboard.press('ArrowRight');
      await rows
        .nth(1)
        .waitFor({ timeout: 10_000 })
        .catch(() => {});
    }
    await rows.nth(1).waitFor();
    await workbench.screenshot('testing-view');
  });
});
