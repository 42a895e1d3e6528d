import * as z from 'zod'
import { alertOptions, untoldBounds } from '../alerts/options.ts'
import { buffers } from '../buffer/index.ts'
import { gatewayOptions } from '../gateway/options.ts'
import { deliveryOptions, pumpOptions } from '../pump/options.ts'
import { needsKey } from '../pump/shape/redact.ts'
import { ConfigError } from '../runtime/check.ts'
import { listenType } from '../runtime/listen.ts'
import { didYouMean } from '../runtime/suggest.ts'
import { sinks } from '../sinks/index.ts'
import { consoleOptions } from '../usage/options.ts'
import { type JsonSchema, toConfigError, toFaults } from './faults.ts'
import { type Fault, readSource, type Source, type SourceOptions } from './source.ts'

export const roles = ['gateway', 'pump', 'console'] as const
export type Role = (typeof roles)[number]

const sinkTypes = Object.entries(sinks).map(([type, { summary, options }]) =>
  options
    .safeExtend({ type: z.literal(type).describe(summary), ...deliveryOptions.shape })
    .meta({ title: type, description: summary }),
)

const bufferTypes = Object.entries(buffers).map(([type, { summary, options }]) =>
  options.safeExtend({ type: z.literal(type).describe(summary) }).meta({ title: type, description: summary }),
)

/** Two of these would share what there is once: the names on /metrics, the store behind the console. */
const onceOnly = ['prometheus', 'store']

type OneOf<T> = readonly [T, ...T[]]

/** Every key of the file. */
const parts = z.strictObject({
  dataDir: z
    .string()
    .min(1)
    .default('./data')
    .describe('Folder of the local buffer, the keys and the store; relative to the working folder'),
  log: z
    .strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('Least level that is written'),
    })
    .prefault({})
    .describe('Log lines, JSON on standard error'),
  roles: z
    .array(z.enum(roles))
    .min(1)
    .default([...roles])
    .describe('What this process does'),
  gateway: gatewayOptions
    .safeExtend({
      admin: listenType(8081).prefault({}).describe('Where /healthz, /readyz and /metrics of the gateway are served'),
      ringBytes: z
        .int()
        .min(1024 * 1024)
        .default(16 * 1024 * 1024)
        .describe('Records in memory on their way to the disk, bytes; beyond it the newest are refused and counted'),
      spoolBytes: z
        .int()
        .min(1024 * 1024)
        .default(4 * 1024 * 1024 * 1024) // 4 GiB: some 12M records, 40 minutes of a shared buffer’s outage at 5,000 requests/s
        .describe(
          'Size of the local spool before a shared buffer, bytes; beyond it the newest records are refused and counted',
        ),
    })
    .prefault({})
    .describe('The gateway'),
  buffer: z
    .discriminatedUnion('type', bufferTypes as unknown as OneOf<(typeof bufferTypes)[number]>) // the table of buffers is not empty
    .prefault({ type: 'sqlite' })
    .describe('The log between gateway and pump'),
  pump: pumpOptions.prefault({}).describe('The pump'),
  sinks: z
    .record(
      z
        .string()
        .regex(
          /^[a-z][a-z0-9-]{0,62}$/,
          'a sink’s name is lower-case letters, digits and dashes, and begins with a letter',
        ),
      z.discriminatedUnion('type', sinkTypes as unknown as OneOf<(typeof sinkTypes)[number]>), // the table of sinks is not empty
    )
    .superRefine((named, context) => {
      for (const type of onceOnly) {
        const [first, ...others] = Object.keys(named).filter((name) => named[name]?.type === type)
        for (const name of others)
          context.addIssue({
            code: 'custom',
            path: [name],
            message: `there is a sink of type ${type} already, "${first}"; one process can run one of them`,
          })
      }
    })
    .prefault({ prometheus: { type: 'prometheus' }, store: { type: 'store' } })
    .describe('Where records go, by a name of your choice'),
  console: consoleOptions.prefault({}).describe('Where the usage page and the usage API are served'),
  alerts: alertOptions.prefault({}).describe('What `penstock alerts generate` makes rules of; no process reads it'),
})

/** The whole configuration: what one file may say. */
export const configType = parts.superRefine(({ pump, sinks, gateway, alerts }, context) => {
  for (const [name, { shape }] of Object.entries(sinks)) {
    if (pump.hashKeys.length > 0 || !needsKey(shape.redact)) continue
    context.addIssue({
      code: 'custom',
      path: ['sinks', name, 'shape', 'redact'],
      message: 'hash needs a key in pump.hashKeys: a plain hash of a name or an address is undone by guessing',
    })
  }
  const bounds = Object.values(sinks).flatMap((sink) =>
    'latencyObjectives' in sink ? [...sink.durationBuckets, ...sink.latencyObjectives] : [],
  )
  for (const { path, bound } of bounds.length > 0 ? untoldBounds(alerts, bounds) : []) {
    context.addIssue({
      code: 'custom',
      path: ['alerts', ...path],
      message: `${bound} s is no bound of the duration histograms: add it to latencyObjectives of the prometheus sink, or choose one of ${bounds.join(', ')}`,
    })
  }
  const apis = gateway.apis.map(({ name }) => name)
  for (const name of apis.length > 0 ? Object.keys(alerts.apis) : []) {
    if (apis.includes(name)) continue
    context.addIssue({
      code: 'custom',
      path: ['alerts', 'apis', name],
      message: `there is no API "${name}" under gateway.apis.${didYouMean(name, apis)}`,
    })
  }
})

export type Config = z.output<typeof configType>

/** JSON Schema of the file as an operator writes it, for editors and for telling what was meant. */
export function toJsonSchema(): JsonSchema {
  return z.toJSONSchema(configType, { io: 'input', unrepresentable: 'any' }) as JsonSchema // its own type is wider
}

/** Reads, fills in and validates a configuration file. Throws ConfigError with every fault, its line and what was probably meant. */
export function loadConfig(file: string, options: SourceOptions = {}): Config {
  const source = readSource(file, options)
  const result = parseGuessing(source)
  const faults: Fault[] = [
    ...source.faults,
    ...(result.success ? [] : toFaults(result.error, toJsonSchema(), source.value)),
  ]
  if (faults.length > 0 || !result.success) throw toConfigError(source, faults) satisfies ConfigError
  return result.data
}

/** Throws ConfigError where one process cannot run these roles: the console shows what the store of its own process holds. */
export function checkRoles({ sinks }: Config, wanted: readonly Role[]): void {
  if (!wanted.includes('console')) return
  if (wanted.includes('pump') && Object.values(sinks).some(({ type }) => type === 'store')) return
  throw new ConfigError(
    'The console shows what the store holds: run the roles pump and console together, with a sink of type store, or leave the role console out.',
  )
}

/** Where a guessed number or truth value should be text, such as a password of digits, the text is put in its place. */
function parseGuessing({ value, guessed }: Source) {
  const result = configType.safeParse(value)
  if (result.success) return result
  const wantsText = (path: Fault['path']) =>
    result.error.issues.some(
      (issue) => issue.code === 'invalid_type' && issue.expected === 'string' && String(issue.path) === String(path),
    )
  const wrong = guessed.filter(({ path }) => wantsText(path))
  if (wrong.length === 0) return result
  for (const { path, text } of wrong) {
    let parent = value as Record<string | number, unknown> // the path leads through objects and lists
    for (const key of path.slice(0, -1)) parent = parent[key] as typeof parent // as above
    parent[path.at(-1) ?? ''] = text
  }
  return configType.safeParse(value)
}
