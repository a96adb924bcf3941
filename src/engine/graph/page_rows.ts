/** Rows of float32 numbers that lie a whole number of pages (4 KiB) apart share a few places of every cache (docs/bench/NOTES.md, "Widths of whole pages"). */

const PAGE_FLOATS = 1024;

/** By how many numbers such a row is made longer or shorter, so that it is an odd number of lines of a cache. */
export const CACHE_LINE_FLOATS = 16;

/** @param floats in a row */
export const isWholePages = (floats: number): boolean => floats % PAGE_FLOATS === 0;
