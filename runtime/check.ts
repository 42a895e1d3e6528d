import * as z from 'zod'

/** What the operator wrote is wrong; the message names every fault and says what to do. The process exits with 78. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** Checks `input` against `schema`; one message names every wrong field and where it came from. */
export function check<S extends z.ZodType>(schema: S, input: unknown, source: string): z.output<S> {
  const result = schema.safeParse(input)
  if (!result.success) throw new ConfigError(`${source}:\n${z.prettifyError(result.error)}`)
  return result.data
}
