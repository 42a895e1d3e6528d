import { isIP } from 'node:net'
import {
  type Broker,
  type Connection,
  ConnectionPool,
  FindCoordinatorKeyTypes,
  findCoordinatorV4,
  metadataV12,
  ProtocolError,
  ResponseError,
} from '@platformatic/kafka'
import { backoff } from '../../runtime/backoff.ts'
import { ConfigError } from '../../runtime/check.ts'
import { wait } from '../../runtime/wait.ts'
import { BufferUnavailableError, LogResetError } from '../buffer.ts'
import { describeFailure, failureOf, PassingError } from './failure.ts'
import type { KafkaBufferOptions } from './options.ts'

/** 64: more than ever wait at one broker at a time, so that none waits in the client for another's answer. */
const mostInFlight = 64

type CoordinatorKind = 'transaction' | 'group'

interface Topic {
  readonly id: string
  /** Node ids of the partitions' leaders; −1 where there is none. */
  readonly leaders: readonly number[]
}

/** The brokers: finds who answers for what, and asks again while that may help. */
export class Cluster implements AsyncDisposable {
  readonly #seeds: readonly Broker[]
  readonly #requestTimeoutMs: number
  readonly #pool: ConnectionPool
  readonly #brokers = new Map<number, Broker>()
  readonly #topics = new Map<string, Topic>()
  readonly #coordinators = new Map<string, Broker>()
  /** Ids of the topics that were opened: another one of the same name is another log. */
  readonly #opened = new Map<string, string>()
  #learning: Promise<void> | undefined
  #isClosed = false

  constructor({ brokers, sasl, tls, requestTimeoutMs }: KafkaBufferOptions) {
    this.#seeds = brokers.map(toBroker)
    this.#requestTimeoutMs = requestTimeoutMs
    this.#pool = new ConnectionPool('penstock', {
      connectTimeout: requestTimeoutMs,
      requestTimeout: requestTimeoutMs,
      maxInflights: mostInFlight,
      ...(sasl ? { sasl } : {}),
      ...(tls ? { tls: withoutUndefined(tls), tlsServerName: !this.#seeds.some(({ host }) => isIP(host)) } : {}),
    })
    this.#pool.on('connecting', ({ connection }) => connection.on('error', () => {})) // whoever asks gets the same
  }

  /** Asks any broker. */
  async atAny<T>(ask: (connection: Connection) => Promise<T>): Promise<T> {
    return await this.#asked(async () => await ask(await this.#any()))
  }

  /** Asks the leader of a partition. */
  async atLeader<T>(topic: string, partition: number, ask: (connection: Connection, topicId: string) => Promise<T>) {
    return await this.#asked(async (attempt) => {
      if (attempt > 0 || !this.#topics.has(topic)) await this.#learn(topic)
      const { id, leaders } = this.#topics.get(topic)! // learnt, or that threw
      const leader = this.#brokers.get(leaders[partition] ?? -1)
      if (!leader) throw new PassingError(`partition ${partition} of ${topic} has no leader`)
      return await this.#at(leader, (connection) => ask(connection, id))
    })
  }

  /** Asks who coordinates a transactional id or a group. */
  async atCoordinator<T>(kind: CoordinatorKind, key: string, ask: (connection: Connection) => Promise<T>): Promise<T> {
    const name = `${kind} ${key}`
    return await this.#asked(async (attempt) => {
      if (attempt > 0) this.#coordinators.delete(name)
      const coordinator = this.#coordinators.get(name) ?? (await this.#findCoordinator(kind, key))
      this.#coordinators.set(name, coordinator)
      return await this.#at(coordinator, ask)
    })
  }

  /** Ids of the topics and their number of partitions; undefined for one that is not there. */
  async describe(names: readonly string[]): Promise<ReadonlyMap<string, { id: string; partitions: number }>> {
    const { topics } = await this.atAny((connection) => askMetadata(connection, names))
    return new Map(
      topics
        .filter(({ errorCode }) => errorCode === 0)
        .map(({ name, topicId, partitions }) => [name ?? '', { id: topicId, partitions: partitions.length }]),
    )
  }

  /** From now on a topic with another id, or that is gone, is a log that was reset. */
  pin(ids: ReadonlyMap<string, string>): void {
    for (const [name, id] of ids) this.#opened.set(name, id)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    await this.#pool.close()
  }

  /** Repeats what fails in passing until it succeeds or the time is over. */
  async #asked<T>(ask: (attempt: number) => Promise<T>): Promise<T> {
    const deadlineMs = performance.now() + this.#requestTimeoutMs
    for (let attempt = 0; ; attempt++) {
      try {
        return await ask(attempt)
      } catch (error) {
        const failure = failureOf(error)
        if (failure === 'refused') {
          const message = `Kafka refuses this client: ${describeFailure(error)}. Set sasl and tls as the brokers want them, or give the user the rights.`
          throw new BufferUnavailableError(message, { cause: new ConfigError(message, { cause: error }) })
        }
        if (failure !== 'passing' && failure !== 'missing') throw error
        if (this.#isClosed || performance.now() > deadlineMs) {
          if (failure === 'missing' && this.#opened.size > 0)
            throw new LogResetError('A topic of the log in Kafka is gone.', { cause: error })
          throw new BufferUnavailableError(`Kafka does not serve: ${describeFailure(error)}.`, { cause: error })
        }
        await wait(backoff(attempt, { baseMs: 10, maxMs: 500 })) // a leader is elected, and a transaction ended, in much less than a second
      }
    }
  }

  async #at<T>(broker: Broker, ask: (connection: Connection) => Promise<T>): Promise<T> {
    return await ask(await this.#pool.get(broker))
  }

  async #any(): Promise<Connection> {
    const known = [...this.#brokers.values(), ...this.#seeds]
    return await this.#pool.getFirstAvailable(known)
  }

  async #findCoordinator(kind: CoordinatorKind, key: string): Promise<Broker> {
    const type = kind === 'group' ? FindCoordinatorKeyTypes.GROUP : FindCoordinatorKeyTypes.TRANSACTION
    const { coordinators } = await findCoordinatorV4.api.async(await this.#any(), type, [key])
    const [found] = coordinators
    if (!found || found.nodeId < 0) throw new PassingError(`the ${kind} ${key} has no coordinator`)
    return found
  }

  /** Asks anew who leads; those who want to know at the same time ask once. */
  async #learn(topic: string): Promise<void> {
    const names = new Set([...this.#topics.keys(), ...this.#opened.keys(), topic])
    this.#learning ??= this.#learnAll([...names]).finally(() => {
      this.#learning = undefined
    })
    await this.#learning
    if (!this.#topics.has(topic)) throw new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION')
  }

  async #learnAll(names: readonly string[]): Promise<void> {
    const { brokers, topics } = await askMetadata(await this.#any(), names)
    for (const { nodeId, host, port } of brokers) this.#brokers.set(nodeId, { host, port })
    for (const { name, errorCode, topicId, partitions } of topics) {
      if (!name) continue
      this.#topics.delete(name)
      if (errorCode !== 0) continue
      const opened = this.#opened.get(name)
      if (opened && opened !== topicId)
        throw new LogResetError(`The topic ${name} in Kafka is not the one that was opened: it was made anew.`)
      const leaders: number[] = []
      for (const { partitionIndex, leaderId } of partitions) leaders[partitionIndex] = leaderId
      this.#topics.set(name, { id: topicId, leaders })
    }
  }
}

/** What the brokers know, also where some of the topics are not there. */
export async function askMetadata(
  connection: Connection,
  topics: readonly string[],
): Promise<metadataV12.MetadataResponse> {
  try {
    return await metadataV12.api.async(connection, [...topics])
  } catch (error) {
    if (error instanceof ResponseError && error.response) return error.response as metadataV12.MetadataResponse // each topic in it has its own code
    throw error
  }
}

function toBroker(address: string): Broker {
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) }
}

function withoutUndefined<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> } // those were left out
}
