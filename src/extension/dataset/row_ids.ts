/** Ids for rows by their content keys: rows that say the same are told apart by their order. */
export function rowIds(rowKeys: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return rowKeys.map((key) => {
    const count = (seen.get(key) ?? 0) + 1;
    seen.set(key, count);
    return count === 1 ? key : `${key} ${count}`;
  });
}
