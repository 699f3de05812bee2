/** The value below which this part of the samples lies. */
export function percentile(samples: readonly number[], part: number): number {
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
}

/** Half of the samples are below it, half above: rounds that were disturbed do not move it. */
export function median(samples: readonly number[]): number {
  return percentile(samples, 0.5)
}

/** Rounds for people and for JSON: more digits than the measurement has would lie. */
export function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
