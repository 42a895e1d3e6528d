import { after, before } from 'node:test'
import { type KafkaServer, openKafka } from '../services/kafka.ts'
import { bufferContract } from './contract.ts'
import { scratchLogs } from './kafka-log.ts'

let server: KafkaServer
before(async () => {
  server = await openKafka()
})
after(() => server[Symbol.asyncDispose]())

bufferContract(
  'kafka',
  scratchLogs(() => ({ brokers: [server.url] })),
)
