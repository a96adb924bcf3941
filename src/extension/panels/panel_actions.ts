/** What the buttons of an empty or failed panel do. */
import * as vscode from 'vscode';
import { unreachable } from '../../engine/common/errors.ts';
import type { PanelAction } from '../../protocol/panel_messages.ts';

/** `retry` shows the panel anew. */
export async function performPanelAction(action: PanelAction, retry: () => void): Promise<void> {
  const run = (command: string, ...rest: unknown[]) => vscode.commands.executeCommand(command, ...rest);
  switch (action) {
    case 'retry':
      return retry();
    case 'open-log':
      return void (await run('latro.openLog'));
    case 'choose-model':
      return void (await run('latro.chooseModel'));
    case 'open-dataset':
      return void (await run('workbench.action.quickOpen', '.jsonl'));
    case 'train':
      return void (await run('latro.trainOnDataset'));
    case 'evaluate':
      return void (await run('latro.evaluate'));
    case 'resume-run':
      return void (await run('latro.resumeRun'));
    case 'manage-trust':
      return void (await run('workbench.trust.manage'));
    default:
      return unreachable(action);
  }
}
