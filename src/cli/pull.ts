/** `latro pull`: a model or a dataset from a Hugging Face hub. */
import { join, resolve } from 'node:path';
import { AccessToken } from '../engine/hub/access_token.ts';
import { HubEndpoint } from '../engine/hub/hub_endpoint.ts';
import { folderNameOf, parseHubSource } from '../engine/hub/hub_source.ts';
import type { PullProgress } from '../engine/hub/progress_meter.ts';
import { pull } from '../engine/hub/pull.ts';
import { systemPullWorld } from '../engine/hub/pull_world.ts';
import { RunLock } from '../engine/runs/run_lock.ts';
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
    const source = parseHubSource(args.positionals[0] as string);
    const parent = source.kind === 'model' ? 'models' : 'datasets';
    const folder = resolve(cwd, args.text('out') ?? join(parent, folderNameOf(source)));
    const { HF_TOKEN: token = '', HF_ENDPOINT: endpoint = '' } = env;
    const request = {
      source,
      folder,
      endpoint: endpoint === '' ? new HubEndpoint() : new HubEndpoint(endpoint),
      token: token === '' ? null : new AccessToken(token),
    };
    const { files, clock, processes } = world;
    const pullWorld = { ...systemPullWorld((path) => RunLock.acquire(files, path, processes, clock)), files, clock };
    const line = new LiveLine(terminal);
    const show = (progress: PullProgress): void => {
      const state = describe(progress);
      const share = progress.bytesTotal === 0 ? 0 : progress.bytesDone / progress.bytesTotal;
      line.show(`${progressBar(share)} ${state}`, state);
    };
    const { record, bytesTransferred } = await pull(request, pullWorld, show, signal).finally(() => line.end());
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
