import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { recordRun } from '../support/recorded_run.ts';
import { openStudio, pictureOfFailure, type Studio } from './harness/studio.ts';
import { prepareTraining } from './harness/training_workspace.ts';
import { assertWelcome } from './harness/welcome_text.ts';

describe('an untrusted workspace', function () {
  this.timeout(300_000);
  let studio: Studio;
  /** Of the run that somebody else has left there. */
  let recorded: string[];
  const kept = async () => (await readdir(path.join(studio.workspace, '.latro'), { recursive: true })).sort();
  const lens = (title: string) => studio.page.locator('.codelens-decoration a', { hasText: title }).first();
  const runsOf = (text: RegExp) => studio.workbench.treeItem(text);

  before(async () => {
    studio = await openStudio({
      workspaceTrust: true,
      prepare: async (workspace) => {
        await prepareTraining(workspace, 3);
        await recordRun(workspace);
        await writeFile(
          path.join(workspace, 'broken.jsonl'),
          '{"question": "One?", "answer": "1"}\n{"question": "Two?", "anser": "2"}\n',
        );
      },
    });
    recorded = await kept();
  });
  after(() => studio?.close());
  afterEach(async function () {
    await pictureOfFailure(studio, this.currentTest);
  });

  it('shows its datasets, checks their rows, and runs nothing: no command, no lens, no run, no engine, no file', async () => {
    const { workbench } = studio;
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
    // The dataset has been in front all that time.
    assert.deepEqual([await lens('').count(), await runsOf(/train\.jsonl/).count()], [0, 0]);
    await workbench.runCommand('LaTRO: Diagnose', () =>
      workbench.page
        .locator('.part.editor .view-line', { hasText: /Not.looked.at:.the.workspace.is.not.trusted/ })
        .first()
        .waitFor(),
    );
    await workbench.screenshot('untrusted');
    assert.deepEqual(await kept(), recorded);
  });

  it('that is trusted after all has its lenses, its runs and its commands in the same window, and trains', async () => {
    const { workbench, page } = studio;
    const sameWindow = () => page.evaluate<boolean>(`document.body.classList.contains('not-loaded-again')`);
    await page.evaluate(`document.body.classList.add('not-loaded-again')`);
    const trust = page.locator('.workspace-trust-editor');
    await workbench.runCommand('Workspaces: Manage Workspace Trust', () => trust.waitFor());
    await trust.locator('.monaco-button', { hasText: /^Trust$/ }).click();
    await runsOf(/model · train\.jsonl/).waitFor();
    await workbench.openFile('train.jsonl');
    await lens('Train').waitFor();
    await workbench.view.getByText('This workspace is not trusted').waitFor({ state: 'detached' });
    await lens('Train').click();
    await workbench.notification(/The run is finished: .*% → .*% of 5 questions/).waitFor({ timeout: 120_000 });
    await runsOf(/model · train\.jsonl/)
      .nth(1)
      .waitFor();
    await workbench.runCommand('LaTRO: Evaluate on This Dataset', () =>
      workbench.page
        .locator('.quick-input-widget .monaco-list-row', { hasText: 'the chosen model as it is' })
        .waitFor(),
    );
    await page.keyboard.press('Escape');
    assert.equal(await sameWindow(), true);
    await workbench.screenshot('trusted-later');
  });
});
