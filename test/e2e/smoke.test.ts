import assert from 'node:assert/strict';
import { openStudio, pictureOfFailure, type Studio } from './harness/studio.ts';

describe('the packaged extension in VS Code', function () {
  this.timeout(300_000);
  let studio: Studio;

  before(async () => {
    studio = await openStudio();
  });
  after(() => studio?.close());
  afterEach(async function () {
    await pictureOfFailure(studio, this.currentTest);
  });

  it('shows the question under the cursor in the side panel, and follows it', async () => {
    const { workbench } = studio;
    await workbench.openSideBar();
    await workbench.view.getByText('No dataset open').waitFor();
    await workbench.openFile('train.jsonl');
    await workbench.view
      .getByText('No model chosen')
      .or(workbench.view.getByText('Mia has 14 shells'))
      .first()
      .waitFor();
    await workbench.screenshot('smoke-side-panel');
  });

  it('opens its commands from the palette and answers in words', async () => {
    const { workbench } = studio;
    await workbench.runCommand('LaTRO: Open Run Dashboard', () =>
      workbench.notification(/There is no run for this/).waitFor(),
    );
    await workbench.runCommand('LaTRO: Open Log', () =>
      workbench.output.getByText(/There.is.no.run.for.this/).waitFor(),
    );
    await workbench.output.getByText(/activated.in.\d+.ms/).waitFor();
    await workbench.screenshot('smoke-log');
  });

  it('breaks no content security policy and asks no other machine for anything', () => {
    assert.deepEqual(studio.violations, []);
    // VS Code's own address for webview resources; its service worker answers, not the network.
    const others = [...studio.hosts].filter((host) => !host.endsWith('.vscode-cdn.net'));
    assert.deepEqual(others, []);
  });
});
