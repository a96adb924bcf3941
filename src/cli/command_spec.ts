/** How a command of `latro` is called: its words in the help, and its options. */

export interface OptionSpec {
  /** How its value is called in the help, such as "DIR"; absent: a switch without a value. */
  readonly value?: string;
  readonly help: string;
}

export interface CommandSpec {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** What follows `latro NAME` in the help. */
  readonly usage: string;
  /** Paragraphs below the options. */
  readonly details?: readonly string[];
  /** How many arguments without a `--name` it takes. */
  readonly positionals: readonly [least: number, most: number];
  readonly options: Readonly<Record<string, OptionSpec>>;
}
