/** The UUID of a numbered object: `objectId(1)` is `00000000-0000-4000-8000-000000000001`. */
export function objectId(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
}
