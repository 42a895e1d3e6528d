/**
 * Latency sketch: a base-2 exponential histogram of scale 5, the same as OTLP's and Prometheus' native one.
 *
 * Bucket i holds the values in (2^(i/32), 2^((i+1)/32)], so that a quantile is off by 2^(1/64) − 1 = 1.09 % at most, whatever
 * its size. Sketches are merged by adding counts, which every backend can do; so every backend must number the buckets alike.
 */

/** Counts by bucket. */
export type Sketch = Map<number, number>

const perOctave = 32 // 2^scale

/** Bucket of 0: lies below the bucket of every positive number and fits, as all do, into 16 bits. */
export const zeroBucket = -32_768

/*
  A value is 2^e × m with 1 ≤ m < 2. Its bucket is 32 e − 1 + the number of bounds 2^(j/32), j = 0 … 31, that m is greater than.
  Bits are compared and not logarithms, since those are rounded differently by each library and would part values at a bound.
*/
const mantissaBounds = Float64Array.from({ length: perOctave }, (_, j) => 2 ** (j / perOctave))
const smallestNormal = 2 ** -1022
const float = new Float64Array(1)
const words = new Uint32Array(float.buffer) // of the float, the low one first: every machine that Node runs on is little-endian

/** Number of the bucket that a value falls into; all that is less than the smallest normal number counts as 0. */
export function bucketOf(value: number): number {
  if (!(value >= smallestNormal)) return zeroBucket
  float[0] = value
  const high = words[1]! // it has two
  const exponent = (high >>> 20) - 1023
  words[1] = (high & 0xfffff) | (1023 << 20)
  return exponent * perOctave - 1 + boundsBelow(float[0])
}

function boundsBelow(mantissa: number): number {
  let low = 0
  let high = perOctave
  while (low < high) {
    const middle = (low + high) >>> 1
    if (mantissa > mantissaBounds[middle]!)
      low = middle + 1 // within the array
    else high = middle
  }
  return low
}

/** The greatest value of a bucket. */
export function upperBound(bucket: number): number {
  return bucket === zeroBucket ? 0 : 2 ** ((bucket + 1) / perOctave)
}

/** What the values of a bucket are greater than. */
export function lowerBound(bucket: number): number {
  return bucket === zeroBucket ? 0 : 2 ** (bucket / perOctave)
}

/** Counts a value, `count` times. */
export function addValue(sketch: Sketch, value: number, count = 1): void {
  const bucket = bucketOf(value)
  sketch.set(bucket, (sketch.get(bucket) ?? 0) + count)
}

/** Adds the counts of `from` to `into`. */
export function mergeInto(into: Sketch, from: ReadonlyMap<number, number>): void {
  for (const [bucket, count] of from) into.set(bucket, (into.get(bucket) ?? 0) + count)
}

/**
 * The value that the share `q` of all values does not exceed (nearest rank), off by 1.09 % at most; undefined where the sketch is empty.
 * Any share gives the middle of a bucket: 0 the smallest one's, 1 the greatest one's.
 */
export function quantile(sketch: ReadonlyMap<number, number>, q: number): number | undefined {
  let total = 0
  for (const count of sketch.values()) total += count
  if (total === 0) return undefined
  const rank = Math.max(1, Math.ceil(q * total))
  let seen = 0
  let bucket = zeroBucket
  for (const [next, count] of [...sketch].sort(([a], [b]) => a - b)) {
    if (count === 0) continue
    bucket = next
    seen += count
    if (seen >= rank) break
  }
  return bucket === zeroBucket ? 0 : 2 ** ((bucket + 0.5) / perOctave)
}

/** The same bucket in ClickHouse, of a column of unsigned integers or floats. */
export function bucketSql(column: string): string {
  const bits = `reinterpretAsUInt64(toFloat64(${column}))`
  const mantissa = `bitAnd(${bits}, ${mantissaMask})`
  const octave = `(toInt32(bitShiftRight(${bits}, 52)) - 1023) * ${perOctave}`
  const bounds = [...mantissaBounds].map((bound) => mantissaBits(bound))
  return `if(${column} = 0, ${zeroBucket}, toInt16(${octave} - 1 + arrayCount(bound -> ${mantissa} > bound, [${bounds}])))`
}

const mantissaMask = 2n ** 52n - 1n
const mantissaBits = (value: number) => new BigUint64Array(Float64Array.of(value).buffer)[0]! & mantissaMask // one float, one number

/** The same bucket in DuckDB, of a column of whole numbers from 0 to 2^53. */
export function bucketDuckDbSql(column: string): string {
  const power = `floor(${perOctave} * log2(${column}))::INTEGER`
  const bound = (index: string) =>
    `[${[...mantissaBounds].map((value) => value.toExponential())}][1 + (${index}) % ${perOctave}] * pow(2::DOUBLE, (${index}) // ${perOctave})`
  const isAbove = (index: string) => `(${column}::DOUBLE > ${bound(index)})::INTEGER`
  // No whole number below 2^32 but a power of two, whose logarithm is exact, comes nearer to a bound than logarithms err:
  // larger ones are compared with both bounds in question.
  return `CASE WHEN ${column} = 0 THEN ${zeroBucket} WHEN ${column} < 4294967296 THEN ceil(${perOctave} * log2(${column}))::INTEGER - 1 ELSE ${power} - 1 + ${isAbove(power)} + ${isAbove(`${power} + 1`)} END`
}
