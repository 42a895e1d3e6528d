import type { Config } from '../config/config.ts'
import { sinks } from '../sinks/index.ts'
import type { SinkDefinition } from '../sinks/sink.ts'

/** What a sink of the configuration is, and its own options without those of its delivery. */
export function definitionOf({ type, ...rest }: Config['sinks'][string]) {
  const definition: SinkDefinition = sinks[type as keyof typeof sinks] // the config's schema admits only these
  const options = Object.fromEntries(Object.entries(rest).filter(([key]) => key in definition.options.shape))
  return { definition, options }
}
