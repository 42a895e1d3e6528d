import type { parseArgs } from 'node:util'

export const bufferTypes = ['sqlite', 'redis', 'kafka'] as const
export const sinkTypes = ['file', 'prometheus', 'clickhouse', 'store', 'mongo', 'otlp'] as const
export type BufferType = (typeof bufferTypes)[number]
export type SinkType = (typeof sinkTypes)[number]

/** What a run is: the same options make the same faults at the same times. */
export interface ChaosOptions {
  readonly seed: number
  readonly minutes: number
  readonly buffer: BufferType
  readonly sinks: readonly SinkType[]
  /** Of all producers together. */
  readonly recordsPerSecond: number
  readonly pumps: number
  /** Kinds of faults to choose from; all that the buffer and the sinks allow where it is not given. */
  readonly only?: readonly string[]
}

/** The servers of the tests take no more: the MongoDB-compatible one answers one request at a time, the collector writes every record as JSON. */
const mostPerSecond: Readonly<Partial<Record<SinkType, number>>> = { mongo: 100, otlp: 1000 }
const recordsPerSecond = 5000

export const usage = `npm run chaos -- [--seed N] [--minutes M] [--buffer ${bufferTypes.join('|')}] [--rate RECORDS_PER_SECOND]
  [--sinks ${sinkTypes.join(',')}] [--pumps N] [--only FAULT,FAULT] [--scenario sink-down|buffer-down|two-pumps] [--save NAME]`

export const flags = {
  seed: { type: 'string' },
  minutes: { type: 'string', default: '3' },
  buffer: { type: 'string', default: 'sqlite' },
  rate: { type: 'string' },
  sinks: { type: 'string' },
  pumps: { type: 'string' },
  only: { type: 'string' },
  scenario: { type: 'string' },
  save: { type: 'string' },
  help: { type: 'boolean' },
} as const

export type Flags = ReturnType<typeof parseArgs<{ options: typeof flags }>>['values']

/** Throws with a sentence for whoever typed it. */
export function toOptions(values: Flags): ChaosOptions {
  const buffer = oneOf(bufferTypes, values.buffer, 'buffer')
  const pumps = toNumber(values.pumps ?? (buffer === 'sqlite' ? '1' : '2'), 'pumps')
  const usual: readonly SinkType[] = ['file', 'prometheus', 'clickhouse', ...(pumps === 1 ? (['store'] as const) : [])]
  const sinks = values.sinks?.split(',').map((name) => oneOf(sinkTypes, name, 'sinks')) ?? usual
  if (pumps > 1 && sinks.includes('store'))
    throw new Error('The store belongs to one process: leave it out of --sinks, or ask for --pumps 1.')
  const carried = Math.min(recordsPerSecond, ...sinks.map((sink) => mostPerSecond[sink] ?? recordsPerSecond))
  return {
    seed: values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : toNumber(values.seed, 'seed'),
    minutes: toNumber(values.minutes, 'minutes'),
    buffer,
    sinks,
    pumps,
    recordsPerSecond: values.rate === undefined ? carried : toNumber(values.rate, 'rate'),
    ...(values.only === undefined ? {} : { only: values.only.split(',') }),
  }
}

function oneOf<T extends string>(known: readonly T[], word: string, flag: string): T {
  const found = known.find((one) => one === word)
  if (!found) throw new Error(`--${flag} knows no "${word}", only ${known.join(', ')}.`)
  return found
}

function toNumber(text: string, flag: string): number {
  const number = Number(text)
  if (!Number.isFinite(number) || number < 0) throw new Error(`--${flag} takes a number, not "${text}".`)
  return number
}
