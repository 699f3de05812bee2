const decimal = /^-?(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/

/** So many significant digits survive in a double, whatever they are (DBL_DIG). */
export const digitsKept = 15
/** The smallest number that a double holds with all its digits (DBL_MIN). */
const normalMin = 2.2250738585072014e-308

/** Whether a double holds this number: what it is written as afterwards is the same number. */
export function isKept(lexeme: string): boolean {
  const value = Number(lexeme)
  // What is no number of JSON is refused by the parser; what is too large, or whole and rounded, by whoever counts.
  if (!Number.isFinite(value) || (value % 1 === 0 && !Number.isSafeInteger(value))) return true
  const mantissa = lexeme.search(/[eE]/)
  if (mantissa >= 0 && mantissa <= digitsKept && Math.abs(value) >= normalMin) return true
  const written = String(value)
  if (written === lexeme) return true
  const given = normal(lexeme)
  return given === undefined || given === normal(written)
}

/** Digits without zeros at either end, and the power of ten behind them. */
function normal(lexeme: string): string | undefined {
  const match = decimal.exec(lexeme)
  if (match === null) return undefined
  const [, whole = '', fraction = '', exponent = '0'] = match
  const digits = whole + fraction
  let start = 0
  let end = digits.length
  while (digits[start] === '0') start++
  if (start === end) return '0'
  while (digits[end - 1] === '0') end--
  return `${digits.slice(start, end)}e${Number(exponent) - fraction.length + digits.length - end}`
}
