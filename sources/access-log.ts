import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { createGunzip } from 'node:zlib'

/** One line of an access log in Apache's combined format. */
export interface AccessLogEntry {
  /** Client's host or address. */
  readonly host: string
  /** Start of the request, Unix milliseconds; the format has no finer. */
  readonly atMs: number
  readonly method: string
  /** Path with its query string, as the client sent it. */
  readonly target: string
  readonly status: number
  /** Body bytes; 0 where the log has `-`. */
  readonly bytes: number
  /** Empty where the log has `-`. */
  readonly referer: string
  readonly userAgent: string
}

// The last quote is optional: a line cut short by a crash still names its request.
const combined =
  /^(?<host>\S+) \S+ \S+ \[(?<time>[^\]]+)\] "(?<method>\S+) (?<target>\S+)(?: [^"]*)?" (?<status>\d{3}) (?<bytes>\d+|-)(?: "(?<referer>[^"]*)" "(?<agent>[^"]*)"?)?/

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const clock = /^(\d{2})\/(\w{3})\/(\d{4}):(\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})$/

/** A line as its entry; undefined where it is not one of a combined or common access log. */
export function parseAccessLog(line: string): AccessLogEntry | undefined {
  const parts = combined.exec(line)?.groups
  const atMs = parts?.time === undefined ? Number.NaN : parseClock(parts.time)
  if (!parts || Number.isNaN(atMs)) return undefined
  const { host = '', method = '', target = '', status, bytes, referer = '-', agent = '-' } = parts
  return {
    host,
    atMs,
    method,
    target,
    status: Number(status),
    bytes: bytes === '-' ? 0 : Number(bytes),
    referer: referer === '-' ? '' : referer,
    userAgent: agent === '-' ? '' : agent,
  }
}

/** `20/May/2015:12:05:17 +0000` as Unix milliseconds; NaN where it is none. */
function parseClock(text: string): number {
  const parts = clock.exec(text)
  if (!parts) return Number.NaN
  const [, day, month, year, hour, minute, second, sign, offsetHours, offsetMinutes] = parts
  const utc = Date.UTC(
    Number(year),
    months.indexOf(month ?? ''),
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  )
  const offsetMs = (Number(offsetHours) * 60 + Number(offsetMinutes)) * 60_000
  return sign === '-' ? utc + offsetMs : utc - offsetMs
}

/** Lines of a log file, numbered from 1; a name that ends in `.gz` is unpacked. */
export async function* readLines(file: string): AsyncGenerator<{ number: number; line: string }> {
  const raw = createReadStream(file)
  const unpacked = file.endsWith('.gz') ? raw.pipe(createGunzip()) : raw
  raw.on('error', (error) => unpacked.destroy(error))
  let number = 0
  for await (const line of createInterface({ input: unpacked, crlfDelay: Number.POSITIVE_INFINITY })) {
    number++
    if (line !== '') yield { number, line }
  }
}
