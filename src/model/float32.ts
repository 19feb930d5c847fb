/**
 * The shortest decimal that rounds to the given float32, and of those the nearest, as the float64 that JSON.parse makes of it:
 * 52.3667 and not 52.36669921875. The server prints geo coordinates so (Go's strconv, which takes the even one of two equally near).
 */
export function shortestFloat32(value: number): number {
  if (!Number.isFinite(value) || value === 0) return value
  const magnitude = Math.abs(value)
  for (let digits = 1; digits <= 9; digits++) {
    const [mantissa, exponent] = magnitude.toExponential(digits - 1).split('e') as [string, string]
    const scale = Number(exponent) - digits + 1
    const toNumber = (integer: number) => Number(`${integer}e${scale}`)
    const nearest = Number(mantissa.replace('.', ''))
    // Of two equally near, JavaScript gives the greater; so does Go, at a power of two.
    const isTie = nearest % 2 === 1 && isHalfway(magnitude, digits) && Math.log2(magnitude) % 1 !== 0
    // Below a power of two the float32s lie twice as dense as above it: there the next decimal may do.
    for (const integer of isTie ? [nearest - 1] : [nearest, nearest + 1]) {
      if (Math.fround(toNumber(integer)) === magnitude) return Math.sign(value) * toNumber(integer)
    }
  }

  return value
}

function isHalfway(magnitude: number, digits: number): boolean {
  const exact = magnitude.toExponential(100).replace('.', '')
  return /^50*e/.test(exact.slice(digits))
}
