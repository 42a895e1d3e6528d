import { randomUUID } from 'node:crypto'
import type { TestContext } from 'node:test'
import { Admin, type AdminOptions } from '@platformatic/kafka'
import type { z } from 'zod'
import { openKafkaBuffer } from '../../buffer/kafka/kafka.ts'
import { kafkaOptions } from '../../buffer/kafka/options.ts'
import type { MakeLog } from './scratch-log.ts'

export type KafkaInput = z.input<typeof kafkaOptions>

/** One partition, since most tests look at one shard. */
const small = { partitions: 1 } as const

/** Opens a log for the length of a test; by default one that is new. */
export async function openLog(t: TestContext, input: KafkaInput) {
  const buffer = await openKafkaBuffer(kafkaOptions.parse({ prefix: randomUUID(), ...small, ...input }))
  t.after(() => buffer[Symbol.asyncDispose]())
  return buffer
}

/** Makes logs under names of their own in one Kafka. */
export function scratchLogs(place: () => KafkaInput): MakeLog {
  return async ({ maxBytes = 100_000_000 } = {}) => {
    const opened = new AsyncDisposableStack()
    const input = { ...small, ...place(), prefix: randomUUID() }
    const options = { ...kafkaOptions.parse(input), maxBytes } // less than an operator may ask for
    opened.defer(() => deleteTopics(options.brokers, input.prefix))
    return {
      open: async () => opened.use(await openKafkaBuffer(options)),
      address: { type: 'kafka', options: input, dataDir: '' },
      [Symbol.asyncDispose]: () => opened.disposeAsync(),
    }
  }
}

/** A client beside the log, to look and to meddle. */
export function openAdmin(t: TestContext, brokers: string[], options: Partial<AdminOptions> = {}): Admin {
  const admin = new Admin({ clientId: 'penstock-test', bootstrapBrokers: brokers, ...options })
  t.after(() => admin.close())
  return admin
}

/** What a broker keeps of every log that a test made would sum up. */
async function deleteTopics(brokers: string[], prefix: string): Promise<void> {
  const admin = new Admin({ clientId: 'penstock-test', bootstrapBrokers: brokers })
  try {
    const topics = (await admin.listTopics()).filter((name) => name.startsWith(`${prefix}.`))
    if (topics.length > 0) await admin.deleteTopics({ topics })
  } finally {
    await admin.close()
  }
}
