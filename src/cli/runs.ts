/** `latro runs`: the runs of a folder, newest first. */
import { basename } from 'node:path';
import type { RunSummary } from '../protocol/run_record.ts';
import type { Command } from './command.ts';
import { fixed, percent } from './number_format.ts';
import { runStore } from './run_options.ts';
import { textTable } from './text_table.ts';

export const runsCommand: Command = {
  name: 'runs',
  summary: 'Lists the runs of a folder, newest first.',
  usage: '[--runs DIR]',
  positionals: [0, 0],
  options: { runs: { value: 'DIR', help: 'Folder of runs (default .latro/runs).' } },

  async run(args, context) {
    const { terminal } = context;
    const store = runStore(args, context);
    const { runs, unreadable } = await store.list();
    if (runs.length === 0 && unreadable.length === 0) {
      terminal.note(`There are no runs in ${store.folder} yet.`);
      return;
    }
    if (runs.length > 0) {
      const [head = '', ...body] = textTable([
        ['run', 'status', 'updates', 'accuracy', 'mean log p(answer)', 'data'],
        ...runs.map(describe),
      ]);
      for (const line of [terminal.style('dim', head), ...body]) terminal.out(line);
    }
    for (const { id, reason } of unreadable) terminal.note(`${id} cannot be read: ${reason}`);
  },
};

function describe({ id, status, step, totalSteps, gain, dataset }: RunSummary): string[] {
  return [
    id,
    status,
    `${step}/${totalSteps ?? '?'}`,
    gain === null ? '' : `${percent(gain.greedyBefore)} → ${percent(gain.greedyAfter)}`,
    gain === null ? '' : `${fixed(gain.answerLogProbBefore, 2)} → ${fixed(gain.answerLogProbAfter, 2)} nats`,
    basename(dataset),
  ];
}
