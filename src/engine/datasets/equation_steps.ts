/**
 * MultiArith and SVAMP come with an equation instead of a worked solution. Evaluating it one operation at a time gives a gold
 * rationale that the SFT baseline can train on: "((32.0+42.0)-35.0)" → "32 + 42 = 74\n74 - 35 = 39". (Ours, in no paper.)
 */

const TOKEN = /\s*(?:(\d+\.?\d*|\.\d+)|([-+*/()]))/y;
const PRECEDENCE: Readonly<Record<string, number>> = { '+': 1, '-': 1, '*': 2, '/': 2 };

/** The steps as a gold rationale; undefined when they do not end on the answer (SVAMP chal-680 has 4 − 2 + 3, and answer 1). */
export function equationRationale(equation: string, answer: string): string | undefined {
  const steps = equationSteps(equation);
  return steps?.endsWith(`= ${shown(Number(answer))}`) ? steps : undefined;
}

/** The steps, one per line; null when the text is not plain arithmetic with at least one operation. */
export function equationSteps(equation: string): string | null {
  const tokens = tokenize(equation.replace(/^\s*[a-zA-Z]\s*=/, ''));
  if (tokens === null) return null;
  const steps: string[] = [];
  const values: number[] = [];
  const operators: string[] = [];

  /** Applies the operator on top of the stack (shunting-yard); false when an operand is missing. */
  function apply(): boolean {
    const operator = operators.pop();
    const right = values.pop();
    const left = values.pop();
    if (operator === undefined || left === undefined || right === undefined) return false;
    const result =
      operator === '+'
        ? left + right
        : operator === '-'
          ? left - right
          : operator === '*'
            ? left * right
            : left / right;
    if (!Number.isFinite(result)) return false;
    steps.push(`${shown(left)} ${operator} ${shown(right)} = ${shown(result)}`);
    values.push(result);
    return true;
  }

  for (const token of tokens) {
    if (typeof token === 'number') values.push(token);
    else if (token === '(') operators.push(token);
    else if (token === ')') {
      while (operators.length > 0 && operators.at(-1) !== '(') if (!apply()) return null;
      if (operators.pop() !== '(') return null;
    } else {
      const precedence = PRECEDENCE[token] as number;
      while ((PRECEDENCE[operators.at(-1) ?? ''] ?? 0) >= precedence) if (!apply()) return null;
      operators.push(token);
    }
  }
  while (operators.length > 0) if (operators.at(-1) === '(' || !apply()) return null;
  return values.length === 1 && steps.length > 0 ? steps.join('\n') : null;
}

function tokenize(text: string): (number | string)[] | null {
  const tokens: (number | string)[] = [];
  const trimmed = text.trimEnd();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < trimmed.length) {
    const match = TOKEN.exec(trimmed);
    if (!match) return null;
    tokens.push(match[1] === undefined ? (match[2] as string) : Number(match[1]));
  }
  return tokens;
}

/** 0.1 + 0.2 is shown as 0.3: at most ten decimals. */
function shown(value: number): string {
  return String(Number(value.toFixed(10)));
}
