/** What a figure says of itself; `tooltip.ts` shows it. */
export interface Tip {
  readonly title: string;
  /** Subscripts are written `x_k` or `x_{j≠k}`. */
  readonly formula?: string;
  /** The formula with the numbers of this case. */
  readonly numbers?: string;
  readonly text?: string;
}
