/**
 * Sums that do not depend on the order of their terms, and their log-space cousins. Floating-point addition is not
 * associative; adding in ascending order makes every figure of a group a function of the *set* of its rationales, so that
 * the order in which rationales arrive changes nothing, bit for bit.
 */

/** Σ values, added in ascending order. 0 for an empty list. */
export function orderFreeSum(values: readonly number[]): number {
  let sum = 0;
  for (const value of [...values].sort((a, b) => a - b)) sum += value;
  return sum;
}

/** Mean of at least one value; exactly the common value when all are equal. NaN for an empty list. */
export function orderFreeMean(values: readonly number[]): number {
  const smallest = Math.min(...values);
  return smallest + orderFreeSum(values.map((value) => value - smallest)) / values.length;
}

/** log Σ exp(values); −Infinity for an empty list. */
export function logSumExp(values: readonly number[]): number {
  const largest = Math.max(...values);
  if (largest === Number.NEGATIVE_INFINITY) return largest;
  return largest + Math.log(orderFreeSum(values.map((value) => Math.exp(value - largest))));
}

/** log of the mean of exp(values), at least one value. */
export function logMeanExp(values: readonly number[]): number {
  return logSumExp(values) - Math.log(values.length);
}
