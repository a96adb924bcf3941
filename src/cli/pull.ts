/** `latro pull`: a model or a dataset from a Hugging Face hub. */
import type { PullProgress } from '../engine/hub/progress_meter.ts';
import { pullSource } from '../engine/server/pull_source.ts';
import type { Command } from './command.ts';
import { byteSize, count, duration } from './number_format.ts';
import { LiveLine, progressBar } from './progress.ts';
import { harmless } from './terminal.ts';

export const pullCommand: Command = {
  name: 'pull',
  summary: 'Gets a model or a dataset from a Hugging Face hub, checked byte by byte.',
  usage: 'OWNER/MODEL[@REVISION] | datasets/OWNER/NAME[@REVISION] [--out DIR]',
  positionals: [1, 1],
  options: { out: { value: 'DIR', help: 'Folder of its own (default models/OWNER--MODEL or datasets/OWNER--NAME).' } },
  details: [
    'Only what is needed comes: config, tokenizer and safetensors of a model (never a pickle), JSON Lines, JSON and Parquet of a dataset. A pull that was cut goes on where it was when it is called again.',
    'The environment gives HF_TOKEN for what is not public, and HF_ENDPOINT for another hub than huggingface.co.',
  ],

  async run(args, { terminal, world, cwd, env, signal }) {
    const { HF_TOKEN: token = null, HF_ENDPOINT: endpoint = null } = env;
    const source = args.positionals[0] as string;
    const request = { source, base: cwd, folder: args.text('out') ?? null, token, endpoint };
    const line = new LiveLine(terminal);
    const show = (progress: PullProgress): void => {
      const state = describe(progress);
      const share = progress.bytesTotal === 0 ? 0 : progress.bytesDone / progress.bytesTotal;
      line.show(`${progressBar(share)} ${state}`, state);
    };
    const { record, bytesTransferred, folder } = await pullSource(request, world, show, signal).finally(() =>
      line.end(),
    );
    const bytes = record.files.reduce((sum, file) => sum + file.bytes, 0);
    terminal.note(
      `${count(record.files.length, 'files')}, ${byteSize(bytes)} (${byteSize(bytesTransferred)} of it transferred now), commit ${record.commit}`,
    );
    terminal.out(folder);
  },
};

/** "model.safetensors (3/9), 12.3 of 102.4 MB, 3.2 MB/s, 28 s left". */
function describe({
  phase,
  file,
  fileNumber,
  files,
  bytesDone,
  bytesTotal,
  bytesPerSecond,
  secondsLeft,
}: PullProgress): string {
  const parts = [
    file === '' ? 'Asking the hub' : `${harmless(file)} (${fileNumber}/${files})`,
    `${byteSize(bytesDone)} of ${byteSize(bytesTotal)}`,
  ];
  if (phase === 'verifying') parts.push('checking');
  if (phase === 'waiting') parts.push('waiting for the hub');
  if (bytesPerSecond !== null) parts.push(`${byteSize(bytesPerSecond)}/s`);
  if (secondsLeft !== null) parts.push(`${duration(secondsLeft)} left`);
  return parts.join(', ');
}
