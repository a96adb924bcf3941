/** A place in a document, and where it is after an edit. Pure. */

/** 0-based, both, as the editor counts. */
export interface Place {
  readonly line: number;
  readonly character: number;
}

/** A part of a document was replaced. */
export interface Change {
  readonly range: { readonly start: Place; readonly end: Place };
  readonly text: string;
}

export const comparePlaces = (a: Place, b: Place): number => a.line - b.line || a.character - b.character;

/** Where what begins at a place begins after a change; undefined when the change took its beginning away. */
export function movedPlace(place: Place, { range: { start, end }, text }: Change): Place | undefined {
  if (comparePlaces(place, start) < 0) return place;
  if (comparePlaces(end, place) <= 0) {
    const last = placeBehind(start, text);
    return place.line === end.line
      ? { line: last.line, character: last.character + place.character - end.character }
      : { line: place.line + last.line - end.line, character: place.character };
  }
  // Something else was put where it began: the same thing, written anew.
  const isWrittenAnew = start.line === place.line && text.trim() !== '';
  return isWrittenAnew ? placeBehind(start, /^\s*/.exec(text)![0]) : undefined;
}

/** The place behind a text that begins at `start`. */
function placeBehind({ line, character }: Place, text: string): Place {
  const lines = text.split('\n');
  const { length } = lines.at(-1)!;
  return { line: line + lines.length - 1, character: lines.length === 1 ? character + length : length };
}
