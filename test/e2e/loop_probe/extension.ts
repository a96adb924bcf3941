/**
 * An extension of the tests: it runs in the extension host beside the one under test and times the turns of their event loop. What it
 * found since its command "Begin" is written by "End" to the file `.loop.json` of the workspace.
 */
import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { LoopWatch } from '../../support/event_loop.ts';
import { LOOP_FILE, type LoopReport } from './report.ts';

const BLOCK_MILLISECONDS = 80;

export function activate({ subscriptions }: vscode.ExtensionContext): void {
  let watch: LoopWatch | undefined;
  let [longest, onTheClock, turns, began] = [0, 0, 0, 0];
  const command = (name: string, run: () => void) =>
    subscriptions.push(vscode.commands.registerCommand(`loopProbe.${name}`, run));
  command('begin', () => {
    [longest, onTheClock, turns, began] = [0, 0, 0, performance.now()];
    watch?.stop();
    watch = new LoopWatch(({ processor, clock }) => {
      longest = Math.max(longest, processor);
      onTheClock = Math.max(onTheClock, clock);
      turns++;
    });
  });
  command('block', () => {
    // Of processor time: on a busy machine 80 ms of the clock hold less.
    const start = process.cpuUsage();
    const spent = () => {
      const { user, system } = process.cpuUsage(start);
      return (user + system) / 1000;
    };
    while (spent() < BLOCK_MILLISECONDS);
  });
  command('end', () => {
    watch?.stop();
    const report: LoopReport = { longest, onTheClock, turns, seconds: (performance.now() - began) / 1000 };
    const file = path.join(vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? '', LOOP_FILE);
    writeFileSync(`${file}.new`, JSON.stringify(report));
    renameSync(`${file}.new`, file);
  });
}
