import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { openStudio, pictureOfFailure, type Studio } from './harness/studio.ts';
import { assertWelcome } from './harness/welcome_text.ts';

/** What a newcomer reads in lists that are empty, and whether what it offers is there. An untrusted workspace: untrusted.test.ts. */
describe('empty lists', function () {
  this.timeout(300_000);
  let studio: Studio;

  before(async () => {
    studio = await openStudio({
      openFolder: false,
      withoutStarter: true,
      prepare: async (workspace) => {
        for (const name of await readdir(workspace)) await rm(path.join(workspace, name), { recursive: true });
      },
    });
  });
  after(() => studio?.close());
  afterEach(async function () {
    await pictureOfFailure(studio, this.currentTest);
  });
  const button = (name: string) =>
    studio.page.locator('.part.sidebar .welcome-view-content').getByRole('button', { name });

  it('of a window without a folder say what to do, and no list is there that could hold nothing', async () => {
    const { workbench, page } = studio;
    await workbench.openSideBar();
    await assertWelcome(workbench, 'Runs', 'noFolder');
    await button('Open Folder').waitFor();
    for (const view of ['Rationales', 'Models']) {
      assert.equal(await page.locator('.part.sidebar .pane-header', { hasText: view }).count(), 0, view);
    }
    await page.locator('.part.sidebar').getByText('The walkthrough').click();
    await page.locator('.gettingStartedContainer').getByText('Tune a small model in five minutes').first().waitFor();
  });

  it('of a folder without runs and models offer both', async () => {
    const { workbench } = studio;
    await workbench.open(studio.url, studio.workspace);
    await workbench.openSideBar();
    await workbench.setViews({ Rationales: false, Runs: true, Models: true });
    await assertWelcome(workbench, 'Runs', 'noRuns');
    await assertWelcome(workbench, 'Models', 'noModels');
    for (const name of [
      "Open the Starter's Questions",
      'Train on This Dataset',
      'Choose Model Folder…',
      'Download Model…',
    ]) {
      await button(name).waitFor();
    }
  });
});
