/** A job of the engine as a terminal shows it: its progress on one line, then how it ended. Closing the terminal stops the job. */
import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import { Cancelled } from '../../engine/common/errors.ts';
import type { EngineSupervisor } from '../engine/engine_supervisor.ts';
import { failureText } from '../engine/engine_text.ts';
import type { JobHandle } from '../engine/job_runner.ts';
import { progressText } from '../engine/progress_text.ts';
import type { Reporter } from '../reporter.ts';

/** What the job is doing, told as it goes on. */
export type TerminalJob = (job: JobHandle, say: (line: string) => void) => Promise<void>;

const CLEAR_LINE = '\r\x1b[2K';
const FAILED = 1;
/** As of a process that was ended with Ctrl+C. */
const STOPPED = 130;

export class JobTerminal implements vscode.Pseudoterminal {
  readonly #engine: EngineSupervisor;
  readonly #reporter: Reporter;
  readonly #job: TerminalJob;
  readonly #written = new vscode.EventEmitter<string>();
  readonly #closed = new vscode.EventEmitter<number>();
  readonly #stop = new AbortController();
  /** Progress stands on it, and the next may take its place. */
  #isLineOpen = false;

  readonly onDidWrite = this.#written.event;
  readonly onDidClose = this.#closed.event;

  constructor(engine: EngineSupervisor, reporter: Reporter, job: TerminalJob) {
    this.#engine = engine;
    this.#reporter = reporter;
    this.#job = job;
  }

  open(): void {
    void this.#run();
  }

  close(): void {
    this.#stop.abort();
  }

  /** Ctrl+C stops the job; the terminal stays to say so. */
  handleInput(data: string): void {
    if (data === '\x03') this.#stop.abort();
  }

  async #run(): Promise<void> {
    const jobId = randomUUID();
    let phase: string | undefined;
    const subscription = this.#engine.jobs.onChanged(({ jobId: changed, progress, state }) => {
      if (changed !== jobId || progress === null) return;
      if (state === 'paused') return this.#written.fire(`${CLEAR_LINE}${vscode.l10n.t('paused')}`);
      if (phase !== progress.phase) this.#endLine();
      phase = progress.phase;
      this.#isLineOpen = true;
      this.#written.fire(`${CLEAR_LINE}${printable(progressText(progress))}`);
    });
    try {
      const client = await this.#engine.client();
      await this.#job({ client, jobId, signal: this.#stop.signal }, (line) => this.#say(line));
      this.#closed.fire(0);
    } catch (error) {
      const failure = this.#reporter.describe(error);
      this.#say(failure === undefined ? vscode.l10n.t('Stopped.') : failureText(failure));
      this.#closed.fire(error instanceof Cancelled ? STOPPED : FAILED);
    } finally {
      subscription.dispose();
    }
  }

  /** What a phase came to stays. */
  #endLine(): void {
    if (this.#isLineOpen) this.#written.fire('\r\n');
    this.#isLineOpen = false;
  }

  #say(line: string): void {
    this.#endLine();
    this.#written.fire(`${printable(line)}\r\n`);
  }
}

/** Names of files and messages may hold anything; a terminal would obey its control characters. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
const printable = (text: string): string => text.replaceAll(/[\x00-\x1f\x7f-\x9f]/g, ' ');
