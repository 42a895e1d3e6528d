import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { inspect, isDeepStrictEqual } from 'node:util'
import type { RequestRecord } from '../../record/fields.ts'
import type { Log } from '../../runtime/log.ts'
import type { Block, Sink, SinkDefinition } from '../../sinks/sink.ts'
import { until } from '../services/until.ts'

/** A record as the backend holds it: its id and whatever fields were read back. */
export type StoredRecord = Pick<RequestRecord, 'id'> & Partial<RequestRecord>

/** A place of its own in a real backend: a database, a collection, a folder. */
export interface SinkPlace {
  /** What a config file would say under the sink's name. */
  readonly options: Readonly<Record<string, unknown>>
  /**
   * What the backend holds, each record as often as it is there, read by another way than the sink's own;
   * for a sink that only aggregates, the number of requests that its numbers stand for. `sink` is the one open now.
   */
  stored(sink: Sink): Promise<readonly StoredRecord[] | number>
}

export interface SinkHarness {
  readonly definition: SinkDefinition
  /** Makes a place that nothing else uses, and removes it after the test. */
  fresh(t: TestContext): Promise<SinkPlace>
  /** How long what is stored may take to be seen by the other way, milliseconds. 0: at once. */
  readonly visibleWithinMs?: number
  /** Strings of the options that may stand in no error and no log. */
  readonly secrets?: readonly string[]
  /** Largest block of the suite, where the backend of the tests takes less than the definition's. */
  readonly maxRecords?: number
}

/** Long enough for a loaded machine; a write that takes longer is stuck. */
const patienceMs = 60_000

export const patience = () => AbortSignal.timeout(patienceMs)

export function aBlock(records: readonly RequestRecord[], overrides: Partial<Block> = {}): Block {
  const { seq = 0 } = overrides
  return {
    token: randomUUID(),
    records,
    each() {
      return this.records
    },
    shard: '0',
    incarnation: 'a',
    seq,
    endSeq: seq + records.length,
    appendedAtMs: Date.now(),
    repeated: false,
    ...overrides,
  }
}

/** The block that comes after `block` in the same log. */
export function nextBlock(block: Block, records: readonly RequestRecord[]): Block {
  const seq = block.endSeq
  return aBlock(records, { ...block, token: randomUUID(), records, seq, endSeq: seq + records.length })
}

/** The same block again, as the next owner or attempt sends it. */
export const again = (block: Block): Block => ({ ...block, repeated: true })

/**
 * Plays the pump's part with one sink at one place: opens it, hands it its state, writes, settles, crashes.
 * Disposing closes the sink, and throws where one of the harness's secrets stands in anything that it logged or threw.
 */
export async function openDelivery(harness: SinkHarness, place: SinkPlace, overrides: Record<string, unknown> = {}) {
  const { definition, secrets = [], visibleWithinMs = 0 } = harness
  const dataDir = await mkdtemp(join(tmpdir(), 'penstock-sink-'))
  const said: string[] = []
  const log: Log = (level, sentence, fields) => said.push(inspect([level, sentence, fields], { depth: null }))
  const options = definition.options.parse({ ...place.options, ...overrides })
  const states = new Map<string, Map<string, Uint8Array>>()
  const open = () => definition.open(options, { name: 'under-test', log, dataDir })

  let sink = await open()
  let owned = new Set<string>()
  const own = (shard: string) => {
    const state = states.get(shard) ?? new Map<string, Uint8Array>()
    states.set(shard, state)
    if (!owned.has(shard)) sink.acquired?.(shard, new Map(state))
    owned.add(shard)
    return state
  }

  return {
    get sink() {
      return sink
    },
    /** Sends the block without settling it, as when the pump dies in between. */
    async write(block: Block, signal: AbortSignal = patience()) {
      own(block.shard)
      try {
        return await sink.write(block, signal)
      } catch (error) {
        said.push(inspect(error, { depth: null }))
        throw error
      }
    },
    /** Sends the block and settles it. */
    async deliver(block: Block, signal: AbortSignal = patience()) {
      const written = await this.write(block, signal)
      const state = own(block.shard)
      for (const [key, value] of written?.state ?? []) {
        if (value.length === 0) state.delete(key)
        else state.set(key, value)
      }
      sink.settled?.(block)
    },
    /** Closes the sink and opens it anew with nothing but what was settled, as the next process would. */
    async restart() {
      await sink[Symbol.asyncDispose]()
      sink = await open()
      owned = new Set()
      for (const shard of states.keys()) own(shard)
    },
    /** Asserts that the backend holds exactly these records, once each, and every field that it gives back unchanged. */
    async holds(records: readonly RequestRecord[]) {
      const compare = async () => assertSame(await place.stored(sink), records, definition.idempotency)
      if (visibleWithinMs === 0) return await compare()
      await until(() => compare().then(() => true), { what: 'the records to be seen', timeoutMs: visibleWithinMs })
    },
    async [Symbol.asyncDispose]() {
      await sink[Symbol.asyncDispose]()
      await rm(dataDir, { recursive: true, force: true })
      const told = secrets.filter((secret) => said.some((line) => line.includes(secret)))
      assert.deepEqual(told, [], 'secrets that were logged or thrown')
    },
  }
}

export type Delivery = Awaited<ReturnType<typeof openDelivery>>

function assertSame(
  stored: readonly StoredRecord[] | number,
  records: readonly RequestRecord[],
  idempotency: SinkDefinition['idempotency'],
): void {
  if (typeof stored === 'number') {
    const requests = records.reduce((sum, { weight }) => sum + weight, 0)
    assert.equal(stored, requests, 'number of requests stored')
    return
  }
  const times = new Map<string, number>()
  for (const { id } of stored) times.set(id, (times.get(id) ?? 0) + 1)
  const missing = records.filter(({ id }) => !times.has(id))
  assert.equal(
    missing.length,
    0,
    `${missing.length} of ${records.length} records are missing, such as ${missing[0]?.id}`,
  )
  assert.equal(times.size, records.length, 'different records stored')
  if (idempotency !== 'none') assert.equal(stored.length, records.length, 'records stored, repeats counted')

  const originals = new Map(records.map((record) => [record.id, record]))
  for (const one of stored) {
    const original = originals.get(one.id)! // every stored id was found above
    for (const [name, value] of Object.entries(one)) {
      const expected = original[name as keyof RequestRecord] // a harness gives fields of the record only
      if (!isDeepStrictEqual(value, expected)) assert.deepEqual(value, expected, `field ${name}`)
    }
  }
}
