import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import * as vscode from 'vscode';
import { COMMANDS } from '../../src/extension/command_ids.ts';
import { extension, workspace } from './studio.ts';

interface Manifest {
  readonly contributes: {
    readonly commands: readonly { readonly command: string }[];
    readonly menus: Readonly<Record<string, readonly { readonly command: string }[]>>;
    readonly configuration: { readonly properties: Readonly<Record<string, unknown>> };
    readonly walkthroughs: readonly { readonly steps: readonly { readonly media: { readonly markdown: string } }[] }[];
  };
  readonly capabilities: {
    readonly untrustedWorkspaces: { readonly supported: string; readonly restrictedConfigurations: readonly string[] };
  };
}
const manifest = (): Manifest => extension().packageJSON as Manifest;

describe('activation', () => {
  // The first test of all (.vscode-test.mjs puts this file first): afterwards the extension is active.
  it('takes less than 100 ms and leaves the engine alone', async () => {
    assert.equal(extension().isActive, false, 'nothing has activated it yet');
    await setTimeout(2000); // until the workbench has started and this host has nothing else to do
    const started = performance.now();
    const before = process.cpuUsage();
    await extension().activate();
    const wall = performance.now() - started;
    const { user, system } = process.cpuUsage(before);
    const cpu = (user + system) / 1000;
    console.log(`      activated in ${wall.toFixed(1)} ms, ${cpu.toFixed(1)} ms of them computing`);
    // On a machine that does other things as well, the clock measures those too, and the same computing takes longer.
    const crowd = Math.max(1, loadavg()[0]! / availableParallelism());
    assert.ok(Math.min(wall, cpu) < 100 * crowd, `it took ${wall.toFixed(1)} ms`);
    await setTimeout(500);
    assert.equal(existsSync(path.join(workspace(), '.latro', 'engine.json')), false, 'no engine was started');
  });

  it('registers the commands of the manifest, no more and no fewer', async () => {
    const contributed = manifest().contributes.commands.map(({ command }) => command);
    assert.deepEqual([...contributed].sort(), [...COMMANDS].sort());
    const registered = (await vscode.commands.getCommands(true)).filter((id) => COMMANDS.includes(id as never));
    assert.deepEqual(registered.sort(), [...COMMANDS].sort());
  });

  it('uses only commands in menus that it has, and texts in the manifest that are there', () => {
    for (const [menu, items] of Object.entries(manifest().contributes.menus)) {
      for (const { command } of items) assert.ok(COMMANDS.includes(command as never), `${menu}: ${command}`);
    }
    const file = (name: string) => readFileSync(path.join(extension().extensionPath, name), 'utf8');
    const used = new Set([...file('package.json').matchAll(/"%([^%"]+)%"/g)].map((match) => match[1]));
    const texts = JSON.parse(file('package.nls.json')) as Record<string, string>;
    assert.deepEqual([...used].sort(), Object.keys(texts).sort());
    const links = Object.values(texts).flatMap((text) => [...text.matchAll(/command:(latro\.\w+)/g)].map((m) => m[1]));
    for (const link of links) assert.ok(link === 'latro.rationales' || COMMANDS.includes(link as never), link);
  });

  it('ships the walkthrough its manifest promises', () => {
    for (const { steps } of manifest().contributes.walkthroughs) {
      for (const { media } of steps) assert.ok(existsSync(path.join(extension().extensionPath, media.markdown)));
    }
  });

  it('lets an untrusted workspace set nothing that is loaded', () => {
    const { supported, restrictedConfigurations } = manifest().capabilities.untrustedWorkspaces;
    assert.equal(supported, 'limited');
    const settings = Object.keys(manifest().contributes.configuration.properties);
    const named = settings.filter((name) => /model|path|folder|device|directory/i.test(name));
    assert.deepEqual([...restrictedConfigurations].sort(), named.sort());
  });
});
