import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { openStudio, pictureOfFailure, type Studio, type StudioOptions } from './harness/studio.ts';
import { assertWelcome } from './harness/welcome_text.ts';

/** What a newcomer reads in lists that are empty, and whether what it offers is there. An untrusted workspace: untrusted.test.ts. */
describe('empty lists', function () {
  this.timeout(300_000);
  let studio: Studio | undefined;

  afterEach(async function () {
    await pictureOfFailure(studio, this.currentTest);
    await studio?.close();
    studio = undefined;
  });
  const open = async (options: StudioOptions): Promise<Studio> => {
    studio = await openStudio(options);
    await studio.workbench.openSideBar();
    return studio;
  };
  const button = ({ page }: Studio, name: string) =>
    page.locator('.part.sidebar .welcome-view-content').getByRole('button', { name });

  it('of a window without a folder say what to do, and no list is there that could hold nothing', async () => {
    const window = await open({ openFolder: false });
    await assertWelcome(window.workbench, 'Runs', 'noFolder');
    await button(window, 'Open Folder').waitFor();
    for (const view of ['Rationales', 'Models']) {
      assert.equal(await window.page.locator('.part.sidebar .pane-header', { hasText: view }).count(), 0, view);
    }
    await window.page.locator('.part.sidebar').getByText('The walkthrough').click();
    await window.page
      .locator('.gettingStartedContainer')
      .getByText('Tune a small model in five minutes')
      .first()
      .waitFor();
  });

  it('of a folder without runs and models offer both', async () => {
    const window = await open({
      withoutStarter: true,
      prepare: async (workspace) => {
        for (const name of await readdir(workspace)) await rm(path.join(workspace, name), { recursive: true });
      },
    });
    const { workbench } = window;
    await workbench.setViews({ Rationales: false, Runs: true, Models: true });
    await assertWelcome(workbench, 'Runs', 'noRuns');
    await assertWelcome(workbench, 'Models', 'noModels');
    for (const name of [
      "Open the Starter's Questions",
      'Train on This Dataset',
      'Choose Model Folder…',
      'Download Model…',
    ]) {
      await button(window, name).waitFor();
    }
  });
});
