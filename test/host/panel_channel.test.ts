/** The wire of a panel, where it comes to the extension host: what fits no type of the protocol is refused, and the next that does is obeyed. */
import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { PanelChannel } from '../../src/extension/panels/panel_channel.ts';
import { type DashboardHostMessage, DashboardIntent } from '../../src/protocol/panel_messages.ts';
import { soon } from '../support/eventually.ts';
import { extension } from './studio.ts';

describe('the wire of a panel', () => {
  let sent: vscode.EventEmitter<unknown>;
  let channel: PanelChannel<DashboardHostMessage, DashboardIntent>;
  const obeyed: DashboardIntent[] = [];
  const warned: string[] = [];
  const reported: unknown[] = [];
  const seen = () => ({ obeyed, warned, reported });
  beforeEach(() => {
    for (const list of [obeyed, warned, reported]) list.length = 0;
    sent = new vscode.EventEmitter();
    channel = new PanelChannel<DashboardHostMessage, DashboardIntent>({
      webview: { onDidReceiveMessage: sent.event, postMessage: async () => true },
      extensionUri: extension().extensionUri,
      intents: DashboardIntent,
      onIntent: async (intent) => {
        if (intent.type === 'stop') throw new Error('cannot stop');
        obeyed.push(intent);
      },
      reporter: { report: (error) => void reported.push(error) },
      log: { info: assert.fail, warn: (message) => void warned.push(message), error: assert.fail },
    });
  });
  afterEach(() => {
    channel.dispose();
    sent.dispose();
  });

  it('acts on nothing that is no intent, says in the log what it was, and obeys the next', async () => {
    for (const [message, what] of [
      [{ type: 'explode' }, /: type: .* received "explode"$/],
      [{ type: 'action', action: 'remove-everything' }, /: action: .* received "remove-everything"$/],
      [17, /: message: .* received 17$/],
      [null, /: message: .* received null$/],
    ] as const) {
      const [logged, before] = [warned.length, obeyed.length];
      sent.fire(message);
      const told = await soon(() => warned[logged], seen);
      assert.match(told, what);
      assert.equal(obeyed.length, before);
      sent.fire({ type: 'ready' });
      await soon(() => obeyed.length > before, seen);
    }
    assert.ok(obeyed.every(({ type }) => type === 'ready'));
    assert.equal(warned.length, 4);
    assert.deepEqual(reported, []);
  });

  it('says in the log what the panel could not read, and takes it for no intent', async () => {
    sent.fire({ type: 'misfit', what: 'snapshot.line: Invalid type' });
    assert.match(await soon(() => warned[0], seen), /a panel was sent .*: snapshot\.line: Invalid type$/);
    sent.fire({ type: 'ready' });
    await soon(() => obeyed.length > 0, seen);
    assert.deepEqual([warned.length, obeyed, reported], [1, [{ type: 'ready' }], []]);
  });

  it('reports an intent that cannot be obeyed, and obeys the next', async () => {
    sent.fire({ type: 'stop', runId: 'run' });
    await soon(() => reported.length === 1, seen);
    sent.fire({ type: 'ready' });
    await soon(() => obeyed.length === 1, seen);
    assert.match(String(reported[0]), /cannot stop/);
  });

  it('hears nothing once its panel is gone', () => {
    channel.dispose();
    sent.fire({ type: 'explode' });
    assert.deepEqual(warned, []);
  });
});
