import type { Exchange } from './exchange.ts'
import type { TagOptions } from './options.ts'
import { queryValue } from './query.ts'

/** 256 characters: a tag is something to group by, not a place for documents. */
const valueMax = 256

/** Breaks a line or a terminal’s state for whoever looks at it: what a query can spell, unlike a header. */
const control = /[\p{Cc}\p{Zl}\p{Zp}]/gu

const none: Readonly<Record<string, string>> = Object.freeze({})

/** What picks a record's tags: those of the consumer, then those that the request gives. */
export function compileTags(options: Readonly<Record<string, TagOptions>>) {
  const rules = Object.entries(options)
  return (exchange: Exchange): Readonly<Record<string, string>> => {
    const ofConsumer = exchange.consumer?.tags ?? none
    if (rules.length === 0) return ofConsumer
    const tags: Record<string, string> = { ...ofConsumer }
    for (const [name, rule] of rules) {
      const value = 'header' in rule ? exchange.request.headers[rule.header] : queryValue(exchange.query, rule.query)
      if (value === undefined) continue
      const cleaned = String(value).slice(0, valueMax).replace(control, '').toWellFormed()
      if (cleaned !== '') tags[name] = cleaned
    }
    return tags
  }
}
