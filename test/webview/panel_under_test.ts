/**
 * The panel that the tests of a `describe` open, each anew: after each test without a complaint, and closed. To be made in a `describe`,
 * whose tests are skipped where there is no Chromium. All of them share one browser: to start one takes longer than most tests.
 */
import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { type OpenPanel, PanelHarness, type PanelName, type PanelOptions } from './harness.ts';

let shared: Promise<PanelHarness> | undefined;
after(async () => (await shared)?.stop());

export class PanelUnderTest implements OpenPanel {
  #harness: PanelHarness | undefined;
  /** Since the test began, the last one last. */
  #opened: OpenPanel[] = [];

  constructor() {
    const start = async (context: Mocha.Context) => {
      PanelHarness.skipWithoutChromium(context);
      shared ??= PanelHarness.start();
      this.#harness = await shared;
    };
    before(async function () {
      await start(this);
    });
    afterEach(async () => {
      const opened = this.#opened;
      this.#opened = [];
      for (const panel of opened) await panel.close();
      for (const panel of opened) assert.deepEqual(panel.complaints(), [], 'no errors, no blocked styles');
    });
  }

  async open(name: PanelName, options: PanelOptions = {}): Promise<OpenPanel> {
    const panel = await this.#harness!.open(name, options);
    this.#opened.push(panel);
    return panel;
  }

  /** The script of a panel, as it is shipped. */
  bundle(name: PanelName): string {
    return this.#harness!.bundles.get(name) ?? '';
  }

  /** The one that was opened last. */
  get #now(): OpenPanel {
    return this.#opened.at(-1)!;
  }

  get page(): Page {
    return this.#now.page;
  }

  posted(): Promise<Record<string, unknown>[]> {
    return this.#now.posted();
  }

  send(message: unknown): Promise<void> {
    return this.#now.send(message);
  }

  seriousViolations(rules?: 'all' | 'colours'): Promise<string[]> {
    return this.#now.seriousViolations(rules);
  }

  picture(name: string): Promise<void> {
    return this.#now.picture(name);
  }

  complaints(): string[] {
    return this.#now.complaints();
  }

  close(): Promise<void> {
    return this.#now.close();
  }
}
