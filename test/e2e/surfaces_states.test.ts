import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { mixedLine } from './harness/chosen_rows.ts';
import { hoverStatusItem, PICTURED_STUDIO, pictured, picturesFolder, TAKEN, takePictures } from './harness/pictures.ts';
import { tunedWorkspace } from './harness/shared_workspace.ts';
import { copyStarter, SHORT_RECIPE } from './harness/starter_workspace.ts';
import { openStudio, pictureOfFailure, type Studio, type StudioOptions, THEMES } from './harness/studio.ts';
import { prepareTraining } from './harness/training_workspace.ts';
import { RationaleView } from './pages/rationale_view.ts';

/** Sizes in pixels. */
const SIDE_BAR = 460;
const EMPTY_SIZE = [1000, 960] as const;

pictured('surfaces that have nothing to show yet', function () {
  this.timeout(300_000);
  let studio: Studio | undefined;

  before(() => mkdir(picturesFolder, { recursive: true }));
  afterEach(async function () {
    await pictureOfFailure(studio, this.currentTest);
    await studio?.close();
    studio = undefined;
  });

  const open = async (options: StudioOptions): Promise<Studio> => {
    studio = await openStudio({ ...options, settings: { ...PICTURED_STUDIO.settings, ...options.settings } });
    return studio;
  };
  /** The side bar with all views open, and these texts on it. */
  const showSideBar = async ({ workbench, page }: Studio, views: readonly string[]) => {
    await page.setViewportSize({ width: EMPTY_SIZE[0], height: EMPTY_SIZE[1] });
    await workbench.openSideBar();
    await workbench.setSideBarWidth(SIDE_BAR);
    await workbench.setViews(Object.fromEntries(views.map((view) => [view, true])));
  };
  const shows = (text: string | RegExp): Promise<void> =>
    studio!.page.locator('.part.sidebar').getByText(text).first().waitFor();

  for (const theme of TAKEN) {
    it(`in a window without a folder, ${theme}`, async () => {
      // Without a folder there are no settings of a workspace to change the theme by.
      const settings = { 'workbench.colorTheme': THEMES[theme].name };
      const window = await open({ openFolder: false, settings });
      await showSideBar(window, []);
      await shows('LaTRO Studio works in a folder of yours');
      await takePictures(window, 'empty-no-folder', EMPTY_SIZE, async () => {}, [theme]);
    });
  }

  it('in a folder without datasets and runs', async () => {
    const window = await open({ prepare: emptied });
    await showSideBar(window, ['Rationales', 'Runs', 'Models']);
    await shows('No runs yet.');
    await window.workbench.view.getByText('No dataset open').waitFor();
    await window.workbench.treeItem(/parameters/).waitFor();
    await takePictures(window, 'empty', EMPTY_SIZE);
  });

  it('with a dataset and no run', async () => {
    const window = await open({
      prepare: async (workspace) => {
        await emptied(workspace);
        await copyStarter(workspace, SHORT_RECIPE);
      },
    });
    await window.workbench.openFile('train.jsonl');
    await showSideBar(window, ['Rationales', 'Runs']);
    await shows('No runs yet.');
    await window.workbench.view.locator('header .link').waitFor();
    await takePictures(window, 'empty-no-runs', EMPTY_SIZE);
  });

  it('in an untrusted workspace', async () => {
    const window = await open({
      workspaceTrust: true,
      prepare: async (workspace) => {
        await prepareTraining(workspace, 3);
        await writeFile(path.join(workspace, 'broken.jsonl'), BROKEN);
      },
    });
    await window.workbench.openFile('broken.jsonl');
    await window.page.locator('.squiggly-error').first().waitFor();
    await showSideBar(window, ['Rationales', 'Runs', 'Models']);
    await shows('datasets can be looked at, but no model is loaded');
    await takePictures(window, 'untrusted', EMPTY_SIZE);
  });
});

const BROKEN = '{"question": "One and one?", "answer": "2"}\n{"question": "Two and two?", "anser": "4"}\n';

/** Takes out what the fixture has. */
async function emptied(workspace: string): Promise<void> {
  for (const name of await readdir(workspace)) await rm(path.join(workspace, name), { recursive: true });
}

pictured('surfaces of work under way', function () {
  this.timeout(600_000);
  let studio: Studio;
  let view: RationaleView;
  let runsBefore: ReadonlySet<string>;
  let line: number;
  const runsOf = (workspace: string) => path.join(workspace, '.latro', 'runs');

  before(async () => {
    await mkdir(picturesFolder, { recursive: true });
    const workspace = await tunedWorkspace();
    runsBefore = new Set(await readdir(runsOf(workspace)));
    studio = await openStudio({
      workspace,
      ...PICTURED_STUDIO,
      prepare: () => writeFile(path.join(workspace, LONG_CONFIG), JSON.stringify(LONG_RUN, null, 2)),
    });
    const files = new NodeFileSystem();
    line = await mixedLine(new RunDirectory(files, path.join(runsOf(workspace), [...runsBefore].sort()[0]!)));
    view = new RationaleView(studio.workbench);
  });
  after(async () => {
    await studio?.close();
    // Others look at this workspace too.
    const workspace = await tunedWorkspace();
    const own = (await readdir(runsOf(workspace))).filter((run) => !runsBefore.has(run));
    for (const run of own) await rm(path.join(runsOf(workspace), run), { recursive: true, maxRetries: 5 });
    await rm(path.join(workspace, LONG_CONFIG));
  });
  afterEach(async function () {
    await pictureOfFailure(studio, this.currentTest);
  });

  const picture = (surface: string, size: readonly [number, number], show?: () => Promise<unknown>) =>
    takePictures(studio, surface, size, show);

  it('the exact prompt of a row', async () => {
    const { workbench, page } = studio;
    await workbench.openFile('train.jsonl');
    await workbench.goToLine(3);
    await workbench.runCommand('LaTRO: Preview Prompt', () =>
      page.locator('.view-lines', { hasText: 'The self-reward is the log-probability' }).waitFor(),
    );
    await workbench.showPart('sidebar', false);
    await picture('prompt-preview', [1280, 560]);
  });

  it('word differences from one checkpoint to the other', async () => {
    const { workbench } = studio;
    await workbench.closeEditors();
    await workbench.openFile('train.jsonl');
    await workbench.showPart('sidebar', true);
    await view.open();
    await workbench.setSideBarWidth(560);
    await workbench.setViews({ Runs: false, Models: false });
    await workbench.goToLine(line);
    await view.rationales.nth(7).waitFor();
    await view.compareWith('base');
    await view.text('Word diff').click();
    const opened = view.rationales.locator('.toggle[aria-expanded=true]');
    if ((await opened.count()) > 0) await opened.first().click();
    const legend = view.text('only before');
    await legend.waitFor();
    await picture('word-diff', [1280, 900], () => legend.evaluate((element) => element.scrollIntoView()));
  });

  it('the form to sample again', async () => {
    const { workbench } = studio;
    await view.button(/Sample again/).click();
    const field = workbench.view.locator('.sampling-form, form').first();
    await field.waitFor();
    await picture('sampling-form', [1280, 700], () => field.scrollIntoViewIfNeeded());
    await workbench.page.keyboard.press('Escape');
  });

  it('a run in progress, and paused', async () => {
    const { workbench, page } = studio;
    await workbench.closeEditors();
    await workbench.openFile(LONG_CONFIG);
    await workbench.runCommand('LaTRO: Train on This Dataset', () => workbench.notification(/training on/).waitFor());
    await workbench.statusBarItem(/LaTRO ([3-9]\d|\d{3,})\/400/).waitFor({ timeout: 240_000 });
    await workbench.setViews({ Rationales: false, Runs: true });
    await page.setViewportSize({ width: 1280, height: 900 });
    await workbench.openRun(/400/);
    const { panel } = workbench;
    await panel.locator('.card canvas').nth(5).waitFor();
    await workbench.showPart('sidebar', false);
    await picture('dashboard-running', [1280, 1000]);
    await page.keyboard.press('Escape'); // what else is said of it goes to the bell
    await picture('status-item', [1000, 360], () => hoverStatusItem(studio, /LaTRO \d+\/400/));
    await panel.getByRole('button', { name: 'Pause', exact: true }).click();
    await panel.locator('h1 .status', { hasText: 'paused' }).waitFor();
    await picture('dashboard-paused', [1280, 1000]);
  });

  it('the log', async () => {
    const { page, workbench } = studio;
    await workbench.closeEditors();
    await workbench.openFile('train.jsonl');
    await workbench.runCommand('Notifications: Clear All Notifications');
    await workbench.runCommand('LaTRO: Open Log', () => page.locator('.part.panel .output-view').waitFor());
    await workbench.output
      .getByText(/engine/)
      .first()
      .waitFor();
    await picture('log', [1280, 640]);
  });

  it('the settings', async () => {
    const { page, workbench } = studio;
    await workbench.closeEditors();
    await workbench.showPart('panel', false);
    await workbench.runCommand('Preferences: Open Settings (UI)', () =>
      page.locator('.settings-editor .suggest-input-container').waitFor(),
    );
    await page.keyboard.type('@ext:latro-studio.latro-studio '); // after the blank nothing is suggested
    await page.locator('.settings-editor .setting-item-contents').nth(3).waitFor();
    await picture('settings-page', [1280, 820]);
  });
});

const LONG_CONFIG = 'long.latro.json';
/** Long enough to be looked at and paused. */
const LONG_RUN = {
  model: 'starter',
  dataset: { train: 'starter/train.jsonl', test: 'starter/test.jsonl', holdOutFraction: 0 },
  steps: 400,
  questionsPerStep: 4,
  sampling: { rationalesPerQuestion: 8 },
  evaluation: { every: null, questions: 8, k: 0 },
  checkpoints: { every: 50, keep: 2 },
  outputDirectory: '.latro/runs',
};
