/** The texts of `latro help` and `latro COMMAND --help`, made from the commands themselves. */
import { COMMON_OPTIONS } from './arguments.ts';
import type { CommandSpec } from './command_spec.ts';

const WIDTH = 100;

export function overview(commands: readonly CommandSpec[], version: string): string {
  const rows = commands.map(({ name, summary }): [string, string] => [name, summary]);
  return [
    `LaTRO Studio ${version}: tunes how a language model reasons, on this machine, with its own likelihood as the reward.`,
    '',
    'Usage: latro COMMAND [options]',
    '',
    ...columns(rows),
    '',
    'latro COMMAND --help explains a command. New here? Try: latro demo',
  ].join('\n');
}

export function commandHelp({ name, summary, usage, options, details = [] }: CommandSpec): string {
  const rows = Object.entries({ ...options, ...COMMON_OPTIONS }).map(([option, { value, help }]): [string, string] => [
    `--${option}${value === undefined ? '' : ` ${value}`}`,
    help,
  ]);
  return [
    `Usage: latro ${name} ${usage}`.trimEnd(),
    '',
    ...wrap(summary, WIDTH),
    '',
    ...columns(rows),
    ...details.flatMap((paragraph) => ['', ...paragraph.split('\n').flatMap((line) => wrap(line, WIDTH))]),
  ].join('\n');
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.flatMap(([left, right]) =>
    wrap(right, WIDTH - width - 2).map((line, i) => `  ${(i === 0 ? left : '').padEnd(width)}${line}`.trimEnd()),
  );
}

/** Breaks at spaces; a line that is indented is an example and stays as it is. */
function wrap(text: string, width: number): string[] {
  if (text.startsWith(' ')) return [text];
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1) as string;
    if (last !== '' && last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines;
}
