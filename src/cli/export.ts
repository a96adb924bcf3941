/** `latro export`: the result of a run as others read it, a PEFT adapter or a whole Hugging Face model folder. */
import { resolve } from 'node:path';
import { exportRun } from '../engine/training/export_run.ts';
import type { ExportKind } from '../protocol/engine_rpc.ts';
import type { Command } from './command.ts';
import { findRun, RUNS_OPTION, runStore } from './run_options.ts';

export const exportCommand: Command = {
  name: 'export',
  summary: 'Writes the result of a run as a PEFT adapter or as a whole model folder.',
  usage: 'RUN --to adapter|merged [--out DIR]',
  positionals: [1, 1],
  options: {
    to: {
      value: 'WHAT',
      help: 'adapter: a PEFT folder; merged: a Hugging Face model folder with the adapter in its weights.',
    },
    out: { value: 'DIR', help: 'New folder to write (default: RUN-adapter or RUN-merged here).' },
    checkpoint: { value: 'N', help: 'The weights after update N (default: those the run chose, else the newest).' },
    ...RUNS_OPTION,
  },
  details: [
    'merged adds s·B·A to each weight in float64 and stores float32; transformers and latro load the folder as any other model.',
  ],

  async run(args, context) {
    const { terminal, cwd } = context;
    args.required('to');
    const to = args.choice('to', ['adapter', 'merged']) as ExportKind; // as `required` has seen to
    const run = await findRun(runStore(args, context), args.positionals[0] as string, context);
    const out = resolve(cwd, args.text('out') ?? `${run.id}-${to}`);
    const { step } = await exportRun(run, to, out, args.whole('checkpoint', { least: 0 }));
    terminal.out(out);
    terminal.note(`${run.id} after update ${step}, as a ${to === 'merged' ? 'whole model' : 'PEFT adapter'}.`);
  },
};
