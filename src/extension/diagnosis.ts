/**
 * What a report of a bug should hold, as Markdown. Pure. In English whatever the editor's language, as the log is: it is for who mends
 * the bug. Nothing secret leaves: tokens are struck out, and the home folder, which names the person, is `~`.
 */

export interface DiagnosisFacts {
  /** Name and value of what is installed where, e.g. "VS Code" and "1.105.0". */
  readonly versions: readonly Fact[];
  readonly machine: readonly Fact[];
  readonly workspace: readonly Fact[];
  /** Null in an untrusted workspace, which may say in its settings whatever it likes. */
  readonly settings: readonly Fact[] | null;
  /** Lines of `latro devices`, or why there are none; null in an untrusted workspace, where nothing is tried. */
  readonly devices: readonly string[] | null;
  /** Null in an untrusted workspace. */
  readonly engine: readonly Fact[] | null;
  readonly log: readonly string[];
  /** Null in an untrusted workspace, whose file it would be. */
  readonly engineLog: readonly string[] | null;
}

export type Fact = readonly [name: string, value: string];

export interface Secrets {
  readonly home: string;
  /** Tokens that must not be shown, wherever they stand. */
  readonly tokens: readonly string[];
}

export function diagnosisText(facts: DiagnosisFacts, secrets: Secrets): string {
  const { versions, machine, workspace, settings, devices, engine, log, engineLog } = facts;
  const untrusted = ['Not looked at: the workspace is not trusted.'];
  const parts: (readonly [title: string, lines: readonly string[]])[] = [
    ['Versions', list(versions)],
    ['Machine', list(machine)],
    ['Devices', devices === null ? untrusted : block(devices)],
    ['Workspace', list(workspace)],
    ['Settings in force', settings === null ? untrusted : list(settings)],
    ['Engine', engine === null ? untrusted : list(engine)],
    ['Last lines of the log', block(log)],
    ['Last lines of the engine', engineLog === null ? untrusted : block(engineLog)],
  ];
  const text = parts.map(([title, lines]) => `## ${title}\n\n${lines.join('\n')}\n`).join('\n');
  const head =
    '# LaTRO Studio: diagnosis\n\nRead it before you send it to anyone; take out what is nobody’s business.\n\n';
  return head + withoutSecrets(text, secrets);
}

const list = (facts: readonly Fact[]): string[] => facts.map(([name, value]) => `- ${name}: ${value}`);

/** Indented: no line of a log can end such a block. */
const block = (lines: readonly string[]): string[] =>
  lines.length === 0 ? ['None.'] : lines.map((line) => `    ${line}`);

/** Hub tokens, those of requests, and passwords in addresses. */
const SECRETS: readonly (readonly [RegExp, string])[] = [
  [/\bhf_[A-Za-z0-9]{6,}/g, 'hf_…'],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/gi, '$1 …'],
  [/(:\/\/)[^\s/@]+@/g, '$1…@'],
  [/\b((?:access_?)?token|password|secret|api_?key)(["']?\s*[=:]\s*["']?)[^\s"',;&]{4,}/gi, '$1$2…'],
];

/** A text without what must not be told. Home folders are found however their separators are written. */
export function withoutSecrets(text: string, { home, tokens }: Secrets): string {
  let safe = text;
  for (const token of tokens) if (token !== '') safe = safe.replaceAll(token, '…');
  for (const [pattern, replacement] of SECRETS) safe = safe.replace(pattern, replacement);
  // Longest first: one is the beginning of the other.
  const written = new Set([home, home.replaceAll('\\', '/'), home.replaceAll('\\', '\\\\'), encodeURI(home)]);
  for (const folder of [...written].sort((a, b) => b.length - a.length)) {
    if (folder.length > 1) safe = replaceFolder(safe, folder);
  }
  return safe;
}

/** Only whole names: `/home/ann` is not in `/home/anna`. */
function replaceFolder(text: string, folder: string): string {
  const escaped = folder.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  // Windows does not tell capitals from small letters.
  return text.replace(
    new RegExp(`${escaped}(?![\\w-])`, folder.includes('\\') || /^[a-z]:/i.test(folder) ? 'gi' : 'g'),
    '~',
  );
}
