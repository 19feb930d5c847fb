/** Bytes. */
export function peakBytes(): number
