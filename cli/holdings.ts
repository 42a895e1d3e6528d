import type { Config } from '../config/config.ts'
import { openShapes } from '../pump/shape/shape.ts'
import type { RequestRecord } from '../record/fields.ts'
import type { Log } from '../runtime/log.ts'
import { didYouMean } from '../runtime/suggest.ts'
import type { Holdings } from '../sinks/holdings.ts'
import { sinks } from '../sinks/index.ts'
import type { SinkDefinition } from '../sinks/sink.ts'
import { UsageError } from './command.ts'

/** A sink of the configuration, as others than the pump see it. */
export interface OpenedHoldings {
  readonly name: string
  /** What it holds; where nobody can say that, a sentence why. */
  readonly holdings: Holdings | string
  /** Whether the sink's rules keep the record from it. */
  readonly refuses: (record: RequestRecord) => boolean
}

/** Opens what every sink of the config holds; `opened` closes it. */
export async function openHoldings(config: Config, log: Log, opened: AsyncDisposableStack): Promise<OpenedHoldings[]> {
  const result: OpenedHoldings[] = []
  for (const [name, { type, shape, ...rest }] of Object.entries(config.sinks)) {
    const definition: SinkDefinition = sinks[type as keyof typeof sinks] // the config's schema admits only these
    const own = Object.entries(rest).filter(([key]) => key in definition.options.shape)
    const context = { name, log, dataDir: config.dataDir }
    const holdings = await definition.holdings?.(Object.fromEntries(own), context)
    if (holdings) opened.use(holdings)
    const { current } = openShapes(shape, config.pump.hashKeys)
    const refuses = (record: RequestRecord) => current?.refusal(record) !== undefined
    result.push({ name, holdings: holdings ?? definition.outOfReach ?? 'It keeps no records.', refuses })
  }
  return result
}

/** The sinks that `--sink` names, or all. Throws UsageError for one that there is not. */
export function chosenSinks({ sinks: known }: Config, name: string | undefined): ReadonlySet<string> {
  if (name === undefined) return new Set(Object.keys(known))
  if (Object.hasOwn(known, name)) return new Set([name])
  throw new UsageError(`The configuration has no sink "${name}".${didYouMean(name, Object.keys(known))}`)
}
