/** A person's note on a row, or their rating of one of its rationales, as a comment of VS Code. */
import * as vscode from 'vscode';
import { unreachable } from '../../engine/common/errors.ts';
import type { RatingRecord } from '../../protocol/ratings.ts';
import type { RatingVerdict } from '../../protocol/rationale_messages.ts';
import type { NoteRecord } from './notes_file.ts';

export type CommentSource =
  | { readonly kind: 'note'; readonly note: NoteRecord }
  | { readonly kind: 'rating'; readonly rating: RatingRecord };

/** The side panel shows the whole rationale. */
const LONGEST_EXCERPT = 120;

/** Bodies are plain text: a sidecar may come from anyone, and Markdown could load pictures from elsewhere. */
export class RowComment implements vscode.Comment {
  readonly dataset: string;
  readonly source: CommentSource;
  readonly author: vscode.CommentAuthorInformation;
  readonly timestamp: Date;
  readonly label?: string;
  /** Matched by the `when` clauses of `comments/comment/…` in package.json. */
  readonly contextValue: CommentSource['kind'];
  body: string;
  mode = vscode.CommentMode.Preview;

  constructor(dataset: string, source: CommentSource) {
    this.dataset = dataset;
    this.source = source;
    this.contextValue = source.kind;
    this.body = shownText(source);
    if (source.kind === 'note') {
      this.author = { name: source.note.author || vscode.l10n.t('Note') };
      this.timestamp = new Date(source.note.time);
      return;
    }
    this.author = { name: ratingTitle(source.rating) };
    this.timestamp = new Date(source.rating.time);
    if (source.rating.verdict !== null) this.label = verdictText(source.rating.verdict);
  }

  /** What it is a comment of, whatever it says. */
  get identity(): string {
    const { source } = this;
    return source.kind === 'note' ? `note ${source.note.id}` : `rating of ${source.rating.rationale}`;
  }

  beginEdit(): void {
    this.body = this.source.kind === 'note' ? this.source.note.text : this.source.rating.note;
    this.mode = vscode.CommentMode.Editing;
  }

  endEdit(): void {
    this.body = shownText(this.source);
    this.mode = vscode.CommentMode.Preview;
  }
}

/**
 * Only what a person wrote. VS Code opens its Comments view over the panel when the first comment with a text appears, which is no answer
 * to a press on a button of the side panel: a bare rating has none, and what it is about stands in its title.
 */
function shownText(source: CommentSource): string {
  return source.kind === 'note' ? source.note.text : source.rating.note;
}

function ratingTitle({ rationale }: RatingRecord): string {
  const text = rationale.trim().replaceAll(/\s+/g, ' ');
  const excerpt = text.length > LONGEST_EXCERPT ? `${text.slice(0, LONGEST_EXCERPT)}…` : text;
  return vscode.l10n.t('Rating of “{0}”', excerpt);
}

function verdictText(verdict: RatingVerdict): string {
  const { l10n } = vscode;
  switch (verdict) {
    case 'useful':
      return l10n.t('useful');
    case 'wrong':
      return l10n.t('wrong');
    case 'leaks':
      return l10n.t('leaks the answer');
    default:
      return unreachable(verdict);
  }
}
