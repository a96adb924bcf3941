/** The words after `latro COMMAND`, read against the command's options. Everything wrong with them is a `bad-request`. */
import { parseArgs } from 'node:util';
import { LatroError } from '../engine/common/errors.ts';
import { nearest } from '../engine/runs/config_issue.ts';
import type { CommandSpec, OptionSpec } from './command_spec.ts';

/** Options that every command takes. */
export const COMMON_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  quiet: { help: 'Results and errors only.' },
  help: { help: 'Show this help.' },
};

export interface NumberRange {
  readonly least: number;
  readonly most?: number;
}

export class Arguments {
  readonly positionals: readonly string[];
  readonly #command: string;
  readonly #values: ReadonlyMap<string, string | true>;

  private constructor(command: string, positionals: readonly string[], values: ReadonlyMap<string, string | true>) {
    this.#command = command;
    this.positionals = positionals;
    this.#values = values;
  }

  static parse(spec: CommandSpec, argv: readonly string[]): Arguments {
    const options: Readonly<Record<string, OptionSpec>> = { ...spec.options, ...COMMON_OPTIONS };
    const { tokens } = parseArgs({
      args: joinNegativeValues(argv, options),
      options: Object.fromEntries(
        Object.entries(options).map(([name, { value }]) => [
          name,
          { type: value === undefined ? ('boolean' as const) : ('string' as const) },
        ]),
      ),
      strict: false,
      allowPositionals: true,
      tokens: true,
    });
    const values = new Map<string, string | true>();
    const positionals: string[] = [];
    for (const token of tokens) {
      if (token.kind === 'positional') positionals.push(token.value);
      if (token.kind === 'option') values.set(token.name, readOption(spec, options, token));
    }
    const [least, most] = spec.positionals;
    if (!values.has('help') && (positionals.length < least || positionals.length > most)) {
      const wrong =
        positionals.length < least
          ? `latro ${spec.name} lacks an argument.`
          : `There is no use for "${positionals[most]}".`;
      throw badRequest(wrong, `Usage: latro ${spec.name} ${spec.usage}`);
    }
    return new Arguments(spec.name, positionals, values);
  }

  /** The words themselves, less some options: what to give another process. */
  without(...names: readonly string[]): string[] {
    const options = [...this.#values].filter(([option]) => !names.includes(option));
    return [
      ...this.positionals,
      ...options.map(([option, value]) => (value === true ? `--${option}` : `--${option}=${value}`)),
    ];
  }

  flag(name: string): boolean {
    return this.#values.has(name);
  }

  text(name: string): string | undefined {
    const value = this.#values.get(name);
    return value === true ? undefined : value;
  }

  required(name: string): string {
    const value = this.text(name);
    if (value === undefined) {
      throw badRequest(`latro ${this.#command} needs --${name}.`, `See latro ${this.#command} --help.`);
    }
    return value;
  }

  whole(name: string, range: NumberRange): number | undefined {
    return this.#number(name, range, 'a whole number', (value) => Number.isSafeInteger(value));
  }

  real(name: string, range: NumberRange): number | undefined {
    return this.#number(name, range, 'a number', (value) => Number.isFinite(value));
  }

  choice<const T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const chosen = choices.find((choice) => choice === value);
    if (chosen !== undefined) return chosen;
    throw badRequest(`--${name} is "${value}".`, `Choose one of ${choices.join(', ')}.`);
  }

  #number(
    name: string,
    { least, most = Number.POSITIVE_INFINITY }: NumberRange,
    kind: string,
    accepts: (value: number) => boolean,
  ): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (accepts(value) && value >= least && value <= most) return value;
    const bounds = most === Number.POSITIVE_INFINITY ? `of at least ${least}` : `from ${least} to ${most}`;
    throw badRequest(`--${name} is "${text}".`, `Give ${kind} ${bounds}.`);
  }
}

/** A value may begin with a minus sign, as in `--rows -120:`; only one that is no number could be meant as an option. */
function joinNegativeValues(argv: readonly string[], options: Readonly<Record<string, OptionSpec>>): string[] {
  const joined: string[] = [];
  for (const [i, word] of argv.entries()) {
    const name = /^--([\w-]+)$/.exec(argv[i - 1] ?? '')?.[1];
    const takesValue = name !== undefined && Object.hasOwn(options, name) && options[name]?.value !== undefined;
    if (takesValue && /^-\d/.test(word)) joined[joined.length - 1] += `=${word}`;
    else joined.push(word);
  }
  return joined;
}

function readOption(
  spec: CommandSpec,
  options: Readonly<Record<string, OptionSpec>>,
  token: { readonly name: string; readonly rawName: string; readonly value?: string | undefined },
): string | true {
  const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined;
  if (option === undefined || token.rawName !== `--${token.name}`) {
    const near = nearest(token.name, Object.keys(options));
    throw badRequest(
      `latro ${spec.name} has no option ${token.rawName}.`,
      near === undefined ? `See latro ${spec.name} --help.` : `Did you mean --${near}?`,
    );
  }
  if (option.value === undefined) {
    if (token.value !== undefined) throw badRequest(`--${token.name} takes no value.`, `Leave "${token.value}" out.`);
    return true;
  }
  if (token.value === undefined || token.value.startsWith('--')) {
    throw badRequest(`--${token.name} lacks its value.`, `Write --${token.name} ${option.value}.`);
  }
  return token.value;
}

export function badRequest(reason: string, nextStep: string): LatroError {
  return new LatroError('bad-request', reason, nextStep);
}
