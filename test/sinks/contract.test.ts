import * as z from 'zod'
import type { RequestRecord } from '../../record/fields.ts'
import { defineSink } from '../../sinks/sink.ts'
import { sinkContract } from './contract.ts'

// The suite itself: it must pass for the simplest sink that does everything right.
const places = new Map<string, Map<string, readonly RequestRecord[]>>()
let made = 0

const memory = defineSink({
  summary: 'Keeps blocks in memory',
  idempotency: 'block',
  options: z.strictObject({ place: z.string().describe('Name of the place') }),
  block: { maxRecords: 100, maxBytes: 1_000_000, maxAgeMs: 1000 },
  inFlight: 2,
  async open({ place }) {
    const blocks = places.get(place)! // made by the harness
    return {
      async write({ token, records }, signal) {
        signal.throwIfAborted()
        blocks.set(token, records)
        return undefined
      },
      async [Symbol.asyncDispose]() {},
    }
  },
})

sinkContract('A sink in memory', {
  definition: memory,
  async fresh() {
    const place = `place-${++made}`
    const blocks = new Map<string, readonly RequestRecord[]>()
    places.set(place, blocks)
    return { options: { place }, stored: async () => [...blocks.values()].flat() }
  },
})
