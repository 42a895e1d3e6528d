import { randomFillSync } from 'node:crypto'

/** A request's place in a trace, as W3C Trace Context has it. */
export interface Trace {
  readonly traceId: string
  /** Of the gateway's own span, which is the upstream's parent. */
  readonly spanId: string
  /** Two hex digits, as they came. */
  readonly flags: string
  /** Whether the client sent a valid traceparent; where not, its tracestate means nothing. */
  readonly isContinued: boolean
}

const form = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?$/

/** Goes on with the client's trace, or begins one, which is marked as sampled in a share of the cases. */
export function traceOf(traceparent: string | undefined, sampledRatio: number): Trace {
  if (traceparent === undefined) return begun(sampledRatio)
  const [, version, traceId, flags, more] = form.exec(traceparent) ?? []
  if (traceId === undefined || flags === undefined || (version === '00' && more !== undefined))
    return begun(sampledRatio)
  return { traceId, spanId: randomHex(16), flags: version === '00' ? flags : knownFlags(flags), isContinued: true }
}

function begun(sampledRatio: number): Trace {
  const flags = sampledRatio === 1 || Math.random() < sampledRatio ? '01' : '00'
  return { traceId: randomHex(32), spanId: randomHex(16), flags, isContinued: false }
}

/** What the upstream is told. */
export function toTraceparent({ traceId, spanId, flags }: Trace): string {
  return `00-${traceId}-${spanId}-${flags}`
}

/** Of a version that we do not know, only the sampled bit is understood. */
function knownFlags(flags: string): string {
  return Number.parseInt(flags, 16) % 2 === 1 ? '01' : '00'
}

/** 4 KiB: asking the system for random bytes costs more than the bytes do. */
const pool = Buffer.allocUnsafe(4096)
let hex = ''
let used = 0

function randomHex(digits: number): string {
  if (used + digits > hex.length) {
    hex = randomFillSync(pool).toString('hex')
    used = 0
  }
  used += digits
  return hex.slice(used - digits, used)
}
