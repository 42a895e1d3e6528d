import { defineBuffer } from '../define.ts'
import { kafkaOptions } from './options.ts'

export default defineBuffer({
  summary: 'Keeps records in Kafka, for any number of gateways and pumps',
  options: kafkaOptions,
  async open(options) {
    const { openKafkaBuffer } = await import('./kafka.ts') // with the client library, which only this buffer needs
    return await openKafkaBuffer(options)
  },
  async diagnose(options) {
    const { diagnoseKafka } = await import('./diagnose.ts') // as above
    return await diagnoseKafka(options)
  },
})
