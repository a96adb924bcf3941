import { createHash } from 'node:crypto';
import type { RowContent } from './row.ts';

/**
 * Content key of a row: the first 64 bits of SHA-256 over question, answer, choices and context, as 16 hex digits. It does not
 * depend on the row's place, so sorting the file or editing other rows changes nothing; rows that say the same share it. The
 * gold rationale is left out: improving it does not make another question.
 */
export function rowKey(row: RowContent): string {
  const content = JSON.stringify([row.question, row.answer, row.choices ?? null, row.context ?? null]);
  return createHash('sha256').update(content).digest('hex').slice(0, 16);
}
