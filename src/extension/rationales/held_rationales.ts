/** What a person reads or edits is held: neither a run that trains nor a newer one takes it away. Until the cursor goes to another question. */
import type { RationaleQuestion } from '../../protocol/rationale_messages.ts';
import type { Choice, PanelChoices } from './panel_choices.ts';
import type { KnownQuestion, Question, QuestionSource } from './question_source.ts';
import { chooseCurrent } from './rationale_sets.ts';

/** The rationales of one question under one checkpoint of one run; without a run, of the model itself. */
interface Held {
  readonly file: string;
  readonly rowKey: string;
  readonly run: string | null;
  readonly checkpoint: string;
}

const isThere = ({ run, checkpoint }: Held, known: KnownQuestion): boolean =>
  run === (known.run?.id ?? null) && known.sampled.has(checkpoint);

export class HeldRationales {
  readonly #source: Pick<QuestionSource, 'known' | 'runOf'>;
  readonly #choices: Pick<PanelChoices, 'of'>;
  #held: Held | undefined;

  constructor(source: Pick<QuestionSource, 'known' | 'runOf'>, choices: Pick<PanelChoices, 'of'>) {
    this.#source = source;
    this.#choices = choices;
  }

  /** @param run null for the model itself */
  hold({ file, row }: Question, run: string | null, checkpoint: string): void {
    this.#held = { file, rowKey: row.rowKey, run, checkpoint };
  }

  letGo(): void {
    this.#held = undefined;
  }

  /** The cursor is at this question. */
  arrive(question: Question): void {
    if (this.#of(question) === undefined) this.letGo();
  }

  /** Of the run whose rationales the person looks into, if any. */
  asHeld(question: Question): Question {
    const held = this.#of(question);
    return held === undefined ? question : { ...question, run: held.run };
  }

  /**
   * What is held of a question as it stands on disk, else what would be shown by itself.
   * @param byItself the question without a run
   */
  async known(byItself: Question): Promise<{ readonly question: Question; readonly known: KnownQuestion }> {
    const held = this.#of(byItself);
    const question = this.asHeld(byItself);
    const known = await this.#source.known(question);
    if (held === undefined || isThere(held, known)) return { question, known };
    // Rolled back or discarded: weights that later come by this name are others.
    if (this.#held === held) this.letGo();
    return { question: byItself, known: await this.#source.known(byItself) };
  }

  /** What was chosen by hand, else what the person looks into. */
  choice(question: Question, known: KnownQuestion): Choice {
    const chosen = this.#chosen(question, known);
    const isChosen = chosen.checkpoint !== undefined && known.sampled.has(chosen.checkpoint);
    const held = this.#of(question);
    return isChosen || held === undefined || !isThere(held, known)
      ? chosen
      : { ...chosen, checkpoint: held.checkpoint };
  }

  /** What would be shown if the person did not look into something older. @param byItself the question without a run */
  async newer(byItself: Question, known: KnownQuestion): Promise<RationaleQuestion['newer']> {
    if (this.#of(byItself) === undefined) return undefined;
    const run = await this.#source.runOf(byItself);
    const isOther = run !== null && run.id !== known.run?.id;
    const now = isOther ? await this.#source.known(byItself) : known;
    const checkpoint = chooseCurrent(now.sampled, this.#chosen(byItself, now).checkpoint);
    if (checkpoint === undefined) return undefined;
    if (isOther) return { checkpoint, run: run.id };
    const shown = chooseCurrent(known.sampled, this.choice(byItself, known).checkpoint);
    return checkpoint === shown ? undefined : { checkpoint };
  }

  #of({ file, row }: Question): Held | undefined {
    return this.#held?.file === file && this.#held.rowKey === row.rowKey ? this.#held : undefined;
  }

  #chosen({ row }: Question, { run }: KnownQuestion): Choice {
    return this.#choices.of(row.rowKey, run?.id ?? null);
  }
}
