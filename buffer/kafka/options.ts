import * as z from 'zod'
import { tlsOptions } from '../tls-options.ts'

const broker = z
  .string()
  .regex(/^(\[[0-9a-f:]+\]|[^\s:/]+):\d{1,5}$/i, 'must be a host and a port, such as kafka-1:9092')

export const kafkaOptions = z.strictObject({
  brokers: z
    .array(broker)
    .min(1)
    .default(['127.0.0.1:9092'])
    .describe('Host and port of some brokers; they name the others'),
  sasl: z
    .strictObject({
      mechanism: z
        .enum(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])
        .default('SCRAM-SHA-512')
        .describe('How the password is proved'),
      username: z.string().min(1).describe('User'),
      password: z.string().min(1).meta({ secret: true }).describe('Password of the user'),
    })
    .optional()
    .describe('Credentials, where the brokers want some'),
  tls: tlsOptions.optional().describe('TLS to the brokers; an empty object trusts what the system trusts'),
  prefix: z
    .string()
    .regex(/^[a-zA-Z0-9._-]{1,100}$/, 'may hold letters, digits, dots, dashes and underscores, at most 100')
    .default('penstock')
    .describe('What the names of topics, consumer groups and transactional ids begin with'),
  partitions: z
    .int()
    .min(1)
    .max(1024)
    .default(4)
    .describe('Partitions that producers are spread over, each a shard. It can grow, not shrink'),
  createTopics: z
    .boolean()
    .default(true)
    .describe('Make the topics, and more partitions of them, where they are not there; else start says what to make'),
  replicationFactor: z
    .int()
    .min(1)
    .optional()
    .describe('Copies of the topics that are made; the brokers’ default.replication.factor where it is not given'),
  maxBytes: z
    .int()
    .min(1024 * 1024)
    .default(20 * 1024 ** 3)
    .describe(
      'Most bytes of records held in all partitions; beyond, new ones are refused and wait where they were made. The brokers need room for this times the copies, and a tenth more',
    ),
  requestTimeoutMs: z
    .int()
    .min(500)
    .default(10_000)
    .describe('How long a request may take, with its repeats, before Kafka counts as not there, ms'),
  transactionTimeoutMs: z
    .int()
    .min(1000)
    .default(10_000)
    .describe(
      'After how long a transaction whose process died is ended, ms: readers of its partition wait for that. At most the brokers’ transaction.max.timeout.ms',
    ),
})

export type KafkaBufferOptions = z.output<typeof kafkaOptions>
