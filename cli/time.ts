import { moment, span } from '../usage/query.ts'
import { ValueError } from './command.ts'

/** A time that an option gives, as Unix milliseconds: a moment, or how long ago such as 1h. Throws ValueError. */
export function toTimeMs(option: string, text: string, nowMs: number): number {
  const ago = span.safeParse(text)
  if (ago.success) return nowMs - ago.data
  const at = moment.safeParse(text)
  if (at.success) return at.data
  throw new ValueError(`--${option}: ${at.error.issues[0]?.message ?? ''} Or how long ago, as 90s, 30m, 1h, 7d or 4w.`)
}
