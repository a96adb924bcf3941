/** Texts of datasets and models within a sentence of the panel's own; beside other elements they stand in a `bdi`. Pure, no DOM. */

/** Scripts from right to left, and the marks that turn what follows them. */
const TURNS = /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufeff]/;

/** In isolating marks where it needs them: whatever it holds, what stands beside it keeps its order. */
export const isolated = (text: string): string => (TURNS.test(text) ? `\u2068${text}\u2069` : text);
