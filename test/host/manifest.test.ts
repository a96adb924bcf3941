import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { COMMANDS } from '../../src/extension/command_ids.ts';
import { extension } from './studio.ts';

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

describe('the manifest', () => {
  before(() => extension().activate());

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
