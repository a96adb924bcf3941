/** `latro compare`: what a run changed, question by question. */
import { resolve } from 'node:path';
import { atomicWrite } from '../engine/common/file_system.ts';
import { finiteJson } from '../engine/common/json_lines.ts';
import type { Command } from './command.ts';
import { changedQuestions, comparisonReport } from './comparison_report.ts';
import { requireWritable } from './model_options.ts';
import { compareRun, compareRuns, type Evaluated } from './run_comparison.ts';
import { findRun, RUNS_OPTION, runStore } from './run_options.ts';

export const compareCommand: Command = {
  name: 'compare',
  summary: 'Compares the test questions before and after a run, or the results of two runs.',
  usage: 'RUN [RUN_B] [--json FILE]',
  positionals: [1, 2],
  options: {
    ...RUNS_OPTION,
    json: { value: 'FILE', help: 'Writes the figures and every question there.' },
  },
  details: [
    'RUN is the id of a run or the path of its directory; a folder of runs stands for the newest one in it. Questions are paired by their content. The test is the exact two-sided one of McNemar; the interval of the difference is a paired bootstrap, widened where few answers changed to the exact one that belongs to the test.',
    'FILE of --json: {"before": {…}, "after": {…}, "questions", "fixed", "broken", "sameRight", "sameWrong", "beforeAccuracy", "afterAccuracy", "difference", "interval", "mcNemarP", "perQuestion": […], "majority": the same for majority votes, or null}.',
  ],

  async run(args, context) {
    const { terminal, world, cwd } = context;
    const json = args.text('json');
    if (json !== undefined) await requireWritable(resolve(cwd, json), context);
    const store = runStore(args, context);
    const [first, second] = await Promise.all(args.positionals.map((name) => findRun(store, name, context)));
    const compared = second === undefined ? await compareRun(first!) : await compareRuns(first!, second);
    for (const line of [...comparisonReport(compared, terminal), ...changedQuestions(compared, terminal)])
      terminal.out(line);
    if (json === undefined) return;
    const side = ({ label, summary }: Evaluated) => ({ label, ...summary });
    const content = {
      before: side(compared.before),
      after: side(compared.after),
      ...compared.greedy,
      majority: compared.majority,
    };
    await atomicWrite(world.files, resolve(cwd, json), `${finiteJson(content, 2)}\n`);
    terminal.note(`Written: ${resolve(cwd, json)}`);
  },
};
