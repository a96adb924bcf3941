/** What to pull: a model or a dataset on a hub, at a revision. */
import { LatroError } from '../common/errors.ts';

export interface HubSource {
  readonly kind: 'model' | 'dataset';
  /** `owner/name`, or only `name` for the oldest repositories. */
  readonly name: string;
  /** Branch, tag, pull request (`refs/pr/1`) or commit. */
  readonly revision: string;
}

const DATASETS = 'datasets/';
const NAME_PART = /^\w(?:[\w.-]*\w)?$/;
// What git's check-ref-format refuses in a name.
const NOT_IN_REVISION = /[\s~^:?*[\\]|\p{Cc}|\.\.|@\{|^[-/.]|\/\/|[/.]$/u;

/**
 * Reads `owner/model`, `datasets/owner/name`, each with or without `@revision` (`main` when there is none).
 * @throws LatroError `bad-request`
 */
export function parseHubSource(text: string): HubSource {
  const trimmed = text.trim();
  const at = trimmed.indexOf('@');
  const id = at < 0 ? trimmed : trimmed.slice(0, at);
  const revision = at < 0 ? 'main' : trimmed.slice(at + 1);
  const kind = id.startsWith(DATASETS) ? 'dataset' : 'model';
  const name = kind === 'dataset' ? id.slice(DATASETS.length) : id;
  const parts = name.split('/');
  if (parts.length > 2 || name.length > 200 || !parts.every(isNamePart)) {
    throw new LatroError(
      'bad-request',
      `${quote(id)} is not the name of a model or dataset.`,
      'Write OWNER/MODEL or datasets/OWNER/NAME, for example HuggingFaceTB/SmolLM2-135M-Instruct.',
    );
  }
  if (revision === '' || revision.length > 200 || NOT_IN_REVISION.test(revision)) {
    throw new LatroError(
      'bad-request',
      `${quote(revision)} is not a revision.`,
      'After the @ write a branch, a tag or a commit, for example @main.',
    );
  }
  return { kind, name, revision };
}

function isNamePart(part: string): boolean {
  return NAME_PART.test(part) && !/--|\.\.|\.git$/.test(part);
}

/** As `parseHubSource` reads it. */
export function describeSource({ kind, name, revision }: HubSource): string {
  return `${kind === 'dataset' ? DATASETS : ''}${name}@${revision}`;
}

/** A folder name for it, in which neither the owner nor the repository is lost: `openai--gsm8k`. */
export function folderNameOf(source: HubSource): string {
  return source.name.replace('/', '--');
}

/** A full commit names one state for good; a branch or a tag may move. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

/** Text from elsewhere, fit for one line of an error. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text).replaceAll(
    /[\p{Cc}\p{Cf}]/gu,
    (character) => `\\u${character.codePointAt(0)?.toString(16).padStart(4, '0')}`,
  );
}
