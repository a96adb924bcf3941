/** Measurements in processes of their own: the memory of each is its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Starts the running program again with `--child REQUEST`; what it measured stands behind `mark` on one line of its output.
 * Errors: `name` failed, with the exit code or the signal that ended it.
 */
export async function inOwnProcess<T>(request: object, mark: string, name: string): Promise<T> {
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, '--child', JSON.stringify(request)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  if (signal !== null) throw new Error(`${name} failed (${signal}${signal === 'SIGKILL' ? ': out of memory?' : ''})`);
  const line = output.split('\n').find((text) => text.startsWith(mark));
  if (code !== 0 || line === undefined) throw new Error(`${name} failed (exit code ${code})`);
  return JSON.parse(line.slice(mark.length)) as T;
}
