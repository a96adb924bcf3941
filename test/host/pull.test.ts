import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import * as vscode from 'vscode';
import { isAlive } from '../../src/extension/engine/engine_launcher.ts';
import { engineRecordFile, readEngineRecord } from '../../src/protocol/engine_record.ts';
import { eventually } from '../support/eventually.ts';
import { assertNothingWrong, filesBelow, hostedModel, NEEDED, TOKEN } from '../support/hub_pull.ts';
import { HubServer } from '../support/hub_server.ts';
import { endEngine, extension, workspace } from './studio.ts';

describe('a download from the palette', () => {
  const repository = hostedModel();
  const folder = () => path.join(workspace(), 'models');
  let server: HubServer;

  /** Calls the command with a name in its input box, and presses a key there until `until` is true. */
  const propose = async (source: string, key: 'accept' | 'close', until: () => boolean): Promise<void> => {
    let ended = false;
    const command = vscode.commands.executeCommand('latro.pull', source).then(() => {
      ended = true;
    });
    const press = key === 'accept' ? 'acceptSelectedQuickOpenItem' : 'closeQuickOpen';
    while (!ended && !until()) {
      await setTimeout(100);
      await vscode.commands.executeCommand(`workbench.action.${press}`);
    }
    await command;
  };

  before(async () => {
    await extension().activate();
    server = await HubServer.start();
    server.host(repository);
    // The engine inherits the address of the hub when it starts.
    const engine = await readEngineRecord(engineRecordFile(workspace()));
    if (engine !== undefined && isAlive(engine.pid)) {
      process.kill(engine.pid);
      await eventually(() => !isAlive(engine.pid));
    }
    process.env.HF_ENDPOINT = server.endpoint;
  });
  after(async () => {
    delete process.env.HF_ENDPOINT;
    await server.stop();
    rmSync(folder(), { recursive: true, force: true });
    await endEngine();
  });

  it('is not begun by a link: the name is only proposed', async () => {
    await propose('someone/small', 'close', () => false);
    assert.deepEqual(server.requests, []);
    assert.equal(existsSync(folder()), false);
  });

  it('brings the files of a model into the workspace, whole', async () => {
    await propose('someone/small', 'accept', () => server.requests.length > 0);
    const model = path.join(folder(), 'someone--small');
    assert.deepEqual(await filesBelow(model), [...NEEDED, 'latro-source.json'].sort());
    await assertNothingWrong(model, repository);
  });

  it('makes its model the one that is used, where that is pressed and not before', async () => {
    const config = () => vscode.workspace.getConfiguration('latro');
    const chosen = () => config().inspect<string>('model')?.workspaceValue;
    const before = chosen();
    const { showInformationMessage } = vscode.window;
    let press = (): void => {};
    let offered: readonly string[] | undefined;
    const show = (_message: string, ...titles: string[]) => {
      offered = titles;
      return new Promise<string | undefined>((resolve) => {
        press = () => resolve(titles[0]);
      });
    };
    vscode.window.showInformationMessage = show as unknown as typeof showInformationMessage;
    try {
      await propose('someone/small', 'accept', () => offered !== undefined);
      assert.deepEqual(offered, ['Use This Model']);
      // Settings are written one after the other: what was on its way before the press is there once this one is.
      await config().update('notifyWhenRunEnds', false, vscode.ConfigurationTarget.Workspace);
      assert.equal(chosen(), before);
      press();
      await eventually(() => chosen() === 'models/someone--small');
    } finally {
      vscode.window.showInformationMessage = showInformationMessage;
      await config().update('model', before, vscode.ConfigurationTarget.Workspace);
      await config().update('notifyWhenRunEnds', undefined, vscode.ConfigurationTarget.Workspace);
    }
  });

  it('that is refused leaves nothing behind, and the extension alive', async () => {
    await propose('someone/else', 'accept', () => server.requests.some(({ url }) => url.includes('someone/else')));
    assert.equal(existsSync(path.join(folder(), 'someone--else')), false);
    assert.equal(extension().isActive, true);
  });

  it('carries the access token that was typed until it is cleared; no setting and no file of the workspace has it', async () => {
    const section = () => JSON.stringify(vscode.workspace.getConfiguration('latro'));
    /** What the hub was told of the token, each time it was asked. */
    const carried = async (name: string): Promise<Set<string | undefined>> => {
      const count = server.requests.length;
      await propose(`someone/${name}`, 'accept', () => server.requests.length > count);
      return new Set(server.requests.slice(count).map(({ authorization }) => authorization));
    };
    const ask = vscode.window.showInputBox;
    // No command types into an input box.
    let asked: vscode.InputBoxOptions | undefined;
    vscode.window.showInputBox = async (options?: vscode.InputBoxOptions) => {
      asked = options;
      return ` ${TOKEN}\n`;
    };
    try {
      await vscode.commands.executeCommand('latro.setHubToken');
    } finally {
      vscode.window.showInputBox = ask;
    }
    assert.equal(asked?.password, true, 'what is typed is not shown');
    assert.deepEqual(await carried('private'), new Set([`Bearer ${TOKEN}`]));
    assert.ok(!section().includes(TOKEN));
    for (const file of await filesBelow(workspace())) {
      assert.ok(!readFileSync(path.join(workspace(), file)).includes(TOKEN), file);
    }
    await vscode.commands.executeCommand('latro.clearHubToken');
    assert.deepEqual(await carried('private'), new Set([undefined]));
  });
});
