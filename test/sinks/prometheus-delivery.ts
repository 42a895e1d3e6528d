import type { TestContext } from 'node:test'
import type { RequestRecord } from '../../record/fields.ts'
import prometheus from '../../sinks/prometheus/prometheus.ts'
import type { Block } from '../../sinks/sink.ts'
import { aBlock, nextBlock, openDelivery, type SinkHarness } from './delivery.ts'
import { page, total } from './exposition.ts'

export const harness: SinkHarness = {
  definition: prometheus,
  fresh: async () => ({ options: {}, stored: async (sink) => total(page(sink), 'penstock_requests_total') }),
}

/** A prometheus sink that is handed blocks, one second of the log's time after the other, and its pages. */
export async function openPrometheusSink(t: TestContext, options: Record<string, unknown> = {}) {
  const opened = await openDelivery(harness, await harness.fresh(t), options)
  t.after(() => opened[Symbol.asyncDispose]())
  let last = aBlock([], { appendedAtMs: 1_700_000_000_000 })
  const deliverBlock = async (block: Block) => {
    await opened.deliver(block)
    last = block
  }
  const next = (records: readonly RequestRecord[], atMs = last.appendedAtMs + 1000): Block => ({
    ...nextBlock(last, records),
    appendedAtMs: atMs,
  })
  return {
    get sink() {
      return opened.sink
    },
    write: opened.write,
    restart: opened.restart,
    /** The block that comes next in the log. */
    next,
    deliverBlock,
    deliver: (records: readonly RequestRecord[], atMs?: number) => deliverBlock(next(records, atMs)),
    page: () => page(opened.sink),
    openMetrics: () => page(opened.sink, 'openmetrics'),
    total: (name: string, labels?: Record<string, string>) => total(page(opened.sink), name, labels),
    /** When the log took the last block that was settled. */
    nowMs: () => last.appendedAtMs,
  }
}
