import type { Config } from '../config/config.ts'
import type { ShapeOptions } from '../pump/shape/options.ts'
import { openShapes } from '../pump/shape/shape.ts'
import { fieldNames, fields, type RequestRecord } from '../record/fields.ts'
import type { Log } from '../runtime/log.ts'
import { didYouMean } from '../runtime/suggest.ts'
import type { Holdings, Person } from '../sinks/holdings.ts'
import { UsageError } from './command.ts'
import { definitionOf } from './sink-definition.ts'

/** A sink of the configuration, as others than the pump see it. */
export interface OpenedHoldings {
  readonly name: string
  /** What it holds; where nobody can say that, a sentence why. */
  readonly holdings: Holdings | string
  /** Whether the sink's rules keep the record from it. */
  readonly refuses: (record: RequestRecord) => boolean
  /** The names under which the sink's records have a consumer. */
  readonly known: (person: Person) => readonly Person[]
}

/** Opens what every sink of the config holds; `opened` closes it. */
export async function openHoldings(config: Config, log: Log, opened: AsyncDisposableStack): Promise<OpenedHoldings[]> {
  const result: OpenedHoldings[] = []
  for (const [name, sink] of Object.entries(config.sinks)) {
    const { definition, options } = definitionOf(sink)
    const holdings = await definition.holdings?.(options, { name, log, dataDir: config.dataDir })
    if (holdings) opened.use(holdings)
    const { current } = openShapes(sink.shape, config.pump.hashKeys)
    const refuses = (record: RequestRecord) => current?.refusal(record) !== undefined
    const known = (person: Person) => namesOf(person, sink.shape, config.pump.hashKeys)
    result.push({ name, holdings: holdings ?? definition.outOfReach ?? 'It keeps no records.', refuses, known })
  }
  return result
}

/** As the consumer is called, since the rules may be newer than the records; and as each key of the rules' hash calls it. */
function namesOf(
  person: Person,
  { filter: _, sample: __, ...rules }: ShapeOptions,
  hashKeys: readonly string[],
): Person[] {
  const nameBy = (key: string | undefined, consumer: string) => {
    const { current } = openShapes(rules, key === undefined ? [] : [key])
    return current?.apply({ ...emptyRecord, ...person, consumer })?.consumer ?? consumer
  }
  const keys = hashKeys.length > 0 ? hashKeys : [undefined]
  const names = keys.flatMap((key) => {
    const name = nameBy(key, person.consumer)
    const isTheirs = name !== nameBy(key, `${person.consumer}'s neighbour`)
    return isTheirs ? [name] : []
  })
  return [...new Set([person.consumer, ...names])].map((consumer) => ({ ...person, consumer }))
}

const emptyRecord = Object.fromEntries(fieldNames.map((name) => [name, fields[name].empty])) as unknown as RequestRecord // fromEntries loses the pairing

/** The sinks that `--sink` names, or all. Throws UsageError for one that there is not. */
export function chosenSinks({ sinks: known }: Config, name: string | undefined): ReadonlySet<string> {
  if (name === undefined) return new Set(Object.keys(known))
  if (Object.hasOwn(known, name)) return new Set([name])
  throw new UsageError(`The configuration has no sink "${name}".${didYouMean(name, Object.keys(known))}`)
}
