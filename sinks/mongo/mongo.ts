import { defineSink } from '../sink.ts'
import { mongoOptions } from './options.ts'

export default defineSink({
  summary: 'Keeps the newest records in a capped collection of MongoDB, and usage per hour',
  idempotency: 'record',
  options: mongoOptions,
  block: {
    maxRecords: 5000, // a few commands; many records of a block share a usage document, which is then written once
    maxBytes: 8 * 1024 * 1024, // as documents a few times that
    maxAgeMs: 1000,
  },
  inFlight: 1, // usage documents take blocks in their order
  async open(options, { log }) {
    const { MongoSink } = await import('./mongo-sink.ts')
    return new MongoSink(options, log)
  },
  async holdings(options) {
    const { openHoldings } = await import('./holdings.ts')
    return await openHoldings(options)
  },
  async resender(options) {
    const { openResender } = await import('./resender.ts')
    return openResender(options)
  },
  async diagnose(options, _, signal) {
    const { diagnoseMongo } = await import('./diagnose.ts')
    return await diagnoseMongo(options, signal)
  },
})
