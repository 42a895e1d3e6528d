import {
  ConfigResourceTypes,
  type Connection,
  createPartitionsV3,
  createTopicsV7,
  describeConfigsV4,
} from '@platformatic/kafka'
import { frameMaxBytes } from '../../record/frame.ts'
import { ConfigError } from '../../runtime/check.ts'
import { wait } from '../../runtime/wait.ts'
import { BufferUnavailableError } from '../buffer.ts'
import type { Cluster } from './cluster.ts'
import { describeFailure, isOnly } from './failure.ts'
import type { KafkaBufferOptions } from './options.ts'

export interface TopicNames {
  /** Frames. */
  readonly log: string
  /** How far each producer has come. */
  readonly producers: string
  /** Each sink's cursor, seals, state, counters and minutes. */
  readonly state: string
  readonly dead: string
}

/** Why topics may not be used as they are. */
export interface TopicFault {
  readonly found: string
  readonly advice: string
}

type Settings = Readonly<Record<string, string>>

/** The largest frame, and as much again: a dead letter is smaller, a sink's state may not be larger. */
const maxMessageBytes = 2 * frameMaxBytes
/** Nothing goes by itself: what every sink has passed is deleted by us. The broker's clock says when a frame came. */
const logSettings: Settings = {
  'cleanup.policy': 'delete',
  'retention.ms': '-1',
  'retention.bytes': '-1',
  'message.timestamp.type': 'LogAppendTime',
}
/** The last value of each key stays. Small segments that are cleaned early keep what a starting process reads small. */
const tableSettings: Settings = {
  'cleanup.policy': 'compact',
  'min.cleanable.dirty.ratio': '0.1',
  'segment.bytes': `${16 * 1024 * 1024}`,
  'segment.ms': `${3600 * 1000}`,
}
/** 5 s in all: much longer than brokers take to tell each other of a topic. */
const mostTries = 100
const tryEveryMs = 50
/** Of these an existing topic must have the same. */
const required = ['cleanup.policy', 'retention.ms', 'retention.bytes', 'message.timestamp.type']

export interface Topics {
  readonly names: TopicNames
  readonly partitions: number
  /** One of a kind: topics that are made anew have another. */
  readonly incarnation: string
}

export function topicNames({ prefix }: Pick<KafkaBufferOptions, 'prefix'>): TopicNames {
  return { log: `${prefix}.log`, producers: `${prefix}.producers`, state: `${prefix}.state`, dead: `${prefix}.dead` }
}

/** Makes the topics that are not there, and checks those that are. Throws ConfigError, which says what to do, where they may not be used as they are. */
export async function openTopics(cluster: Cluster, options: KafkaBufferOptions): Promise<Topics> {
  const names = topicNames(options)
  const all = Object.values(names)
  const missing = await findMissing(cluster, all)
  if (missing.length > 0) await create(cluster, options, all, missing)
  await check(cluster, options, names)
  const partitions = await grow(cluster, options, all)
  const found = await described(cluster, all)
  cluster.pin(new Map([...found].map(([name, { id }]) => [name, id])))
  return { names, partitions, incarnation: `${found.get(names.log)?.id}+${found.get(names.state)?.id}` }
}

const missingFrom = (names: readonly string[], found: ReadonlyMap<string, unknown>) =>
  names.filter((name) => !found.has(name))

/** Those that are not there. Where it is only some, another process may be making all of them just now. */
async function findMissing(cluster: Cluster, names: readonly string[]): Promise<string[]> {
  for (let tries = 0; ; tries++) {
    const missing = missingFrom(names, await cluster.describe(names))
    if (missing.length === 0 || missing.length === names.length || tries === mostTries) return missing
    await wait(tryEveryMs)
  }
}

async function create(
  cluster: Cluster,
  options: KafkaBufferOptions,
  all: readonly string[],
  missing: readonly string[],
): Promise<void> {
  const { partitions, replicationFactor = -1 } = options
  const fault = faultOfMissing(options, all, missing)
  if (fault) throw new ConfigError(`${fault.found} ${fault.advice}`)
  const topics = missing.map((name) => ({
    ...{ name, numPartitions: partitions, replicationFactor, assignments: [] },
    configs: Object.entries(settingsOf(name)).map(([key, value]) => ({ name: key, value })),
  }))
  await asked(cluster, 'make its topics', (connection) => createTopicsV7.api.async(connection, topics, 10_000, false))
  await described(cluster, missing)
}

/** Why a log whose topics are not all there cannot be opened; undefined where it can, by making them. */
export function faultOfMissing(
  { brokers, partitions, createTopics }: KafkaBufferOptions,
  all: readonly string[],
  missing: readonly string[],
): TopicFault | undefined {
  if (missing.length === 0) return undefined
  if (missing.length < all.length)
    return {
      found: `Of the topics ${all.join(', ')} in Kafka ${missing.join(', ')} ${missing.length > 1 ? 'are' : 'is'} gone, and the rest is of no use without.`,
      advice: 'Delete the rest for a new log, or set another prefix.',
    }
  if (createTopics) return undefined
  const commands = missing.map((name) => {
    const settings = Object.entries(settingsOf(name)).map(([key, value]) => ` --config ${key}=${value}`)
    return `kafka-topics.sh --bootstrap-server ${brokers[0]} --create --topic ${name} --partitions ${partitions}${settings.join('')}`
  })
  return {
    found: 'The topics of the log are not there.',
    advice: `Make them, or set createTopics:\n${commands.join('\n')}`,
  }
}

/** The topics once the broker that is asked knows all of them. */
async function described(cluster: Cluster, names: readonly string[]) {
  for (let tries = 0; tries < mostTries; tries++) {
    const found = await cluster.describe(names)
    if (missingFrom(names, found).length === 0) return found
    await wait(tryEveryMs)
  }
  throw new BufferUnavailableError(`Kafka does not show the topics ${names.join(', ')}, which it has made.`)
}

/** Makes partitions where there are fewer than wanted, the same number of every topic; resolves to how many there are. */
async function grow(cluster: Cluster, options: KafkaBufferOptions, names: readonly string[]): Promise<number> {
  const found = await described(cluster, names)
  const counts = names.map((name) => found.get(name)?.partitions ?? 0)
  const wanted = Math.max(options.partitions, ...counts)
  const small = names.filter((_, i) => counts[i]! < wanted) // counted just now
  if (small.length === 0) return wanted
  if (!options.createTopics)
    throw new ConfigError(
      `${small.join(', ')} in Kafka must have ${wanted} partitions:\n${small.map((name) => `kafka-topics.sh --bootstrap-server ${options.brokers[0]} --alter --topic ${name} --partitions ${wanted}`).join('\n')}`,
    )
  const topics = small.map((name) => ({ name, count: wanted, assignments: null }))
  await asked(cluster, 'make partitions', (connection) =>
    createPartitionsV3.api.async(connection, topics, 10_000, false),
  )
  return wanted
}

async function check(cluster: Cluster, options: KafkaBufferOptions, names: TopicNames): Promise<void> {
  const faults = await findFaults(cluster, options, names)
  if (faults.length > 0) throw new ConfigError(faults.map(({ found, advice }) => `${found} ${advice}`).join('\n'))
}

/** What of the settings of topics that are there must not be so. Throws ConfigError where this user may not see them. */
export async function findFaults(
  cluster: Cluster,
  { brokers }: KafkaBufferOptions,
  names: TopicNames,
): Promise<readonly TopicFault[]> {
  const resources = Object.values(names).map((name) => ({
    ...{ resourceType: ConfigResourceTypes.TOPIC, resourceName: name },
    configurationKeys: [...required, 'max.message.bytes', 'unclean.leader.election.enable'],
  }))
  const { results = [] } =
    (await asked(cluster, 'read the topics’ settings', (connection) =>
      describeConfigsV4.api.async(connection, resources, false, false),
    )) ?? {}
  return results.flatMap(({ resourceName, configs }) => {
    const present = new Map(configs.map(({ name, value }) => [name, value ?? '']))
    const wrong = wrongSettings(settingsOf(resourceName), present)
    if (wrong.length === 0) return []
    const is = wrong.map(([name]) => `${name}=${present.get(name)}`).join(', ')
    const change = wrong.map(([name, value]) => `${name}=${value}`).join(',')
    return {
      found: `The topic ${resourceName} in Kafka has ${is}.`,
      advice: `Change it:\nkafka-configs.sh --bootstrap-server ${brokers[0]} --alter --entity-type topics --entity-name ${resourceName} --add-config ${change}`,
    }
  })
}

/** What a topic must have and does not. */
function wrongSettings(settings: Settings, present: ReadonlyMap<string, string>): [string, string][] {
  const wrong = required
    .map((name): [string, string] => [name, settings[name] ?? ''])
    .filter(([name, value]) => value !== '' && present.get(name) !== value)
  if (Number(present.get('max.message.bytes')) < maxMessageBytes)
    wrong.push(['max.message.bytes', `${maxMessageBytes}`])
  if (present.get('unclean.leader.election.enable') === 'true') wrong.push(['unclean.leader.election.enable', 'false'])
  return wrong
}

function settingsOf(name: string): Settings {
  const settings = name.endsWith('.log') ? logSettings : tableSettings
  return { ...settings, 'max.message.bytes': `${maxMessageBytes}` }
}

/** What another process has done meanwhile is as good as done. What the brokers refuse is for the operator to hear. */
async function asked<T>(
  cluster: Cluster,
  what: string,
  ask: (connection: Connection) => Promise<T>,
): Promise<T | undefined> {
  try {
    return await cluster.atAny(ask)
  } catch (error) {
    if (error instanceof BufferUnavailableError) throw error
    if (isOnly(error, 'TOPIC_ALREADY_EXISTS')) return undefined
    throw new ConfigError(`Kafka does not let Penstock ${what}: ${describeFailure(error)}.`, { cause: error })
  }
}
