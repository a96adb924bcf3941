/** Whether a file is for evaluation, by its name. Pure. */

/** As words: "latest" and "device" have them within. */
const WORDS = /(?:^|[^a-z])(?:tests?|testset|val|valid|validation|dev|devset|eval|evals|evaluation)(?:[^a-z]|$)/;

export function isEvaluationName(name: string): boolean {
  const stem = name.replace(/\.[^.]*$/, '').replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ');
  return WORDS.test(stem.toLowerCase());
}
