import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { openStudio, pictureOfFailure, type Studio } from './harness/studio.ts';
import { prepareTraining } from './harness/training_workspace.ts';
import { assertWelcome } from './harness/welcome_text.ts';

describe('an untrusted workspace', function () {
  this.timeout(300_000);
  let studio: Studio;

  before(async () => {
    studio = await openStudio({
      workspaceTrust: true,
      prepare: async (workspace) => {
        await prepareTraining(workspace, 3);
        await writeFile(
          path.join(workspace, 'broken.jsonl'),
          '{"question": "One?", "answer": "1"}\n{"question": "Two?", "anser": "2"}\n',
        );
      },
    });
  });
  after(() => studio?.close());
  afterEach(async function () {
    await pictureOfFailure(studio, this.currentTest);
  });

  it('shows its datasets, checks their rows, and runs nothing: no command, no engine, no file', async () => {
    const { workbench, workspace } = studio;
    await workbench.openFile('broken.jsonl');
    await workbench.page.locator('.squiggly-error').first().waitFor();
    await workbench.openFile('train.jsonl');
    await workbench.openSideBar();
    await workbench.view.getByText('This workspace is not trusted').waitFor();
    await workbench.setViews({ Runs: true, Models: true });
    await assertWelcome(workbench, 'Runs', 'untrusted');
    await assertWelcome(workbench, 'Models', 'untrustedModels');
    await workbench.page.keyboard.press('F1');
    await workbench.page.locator('.quick-input-widget input.input').fill('>LaTRO');
    await workbench.page.locator('.monaco-list-row', { hasText: 'LaTRO: Open Log' }).waitFor();
    const offered = await workbench.page.locator('.quick-input-widget .monaco-list-row').allInnerTexts();
    assert.deepEqual(
      offered.filter((title) => /Train|Evaluate|Sample|Choose Model/.test(title)),
      [],
    );
    assert.ok(offered.some((title) => title.includes('LaTRO: Diagnose')));
    await workbench.page.keyboard.press('Escape');
    await workbench.runCommand('LaTRO: Diagnose', () =>
      workbench.page
        .locator('.part.editor .view-line', { hasText: /Not.looked.at:.the.workspace.is.not.trusted/ })
        .first()
        .waitFor(),
    );
    await workbench.screenshot('untrusted');
    assert.equal(existsSync(path.join(workspace, '.latro')), false);
  });
});
