import { join } from 'node:path'
import { defineSink, type Sink } from '../sink.ts'
import { diagnoseStore } from './diagnose.ts'
import { exposeStore } from './exposition.ts'
import { openHoldings } from './holdings.ts'
import { openStore, type Store } from './open.ts'
import { storeOptions } from './options.ts'

/** The sink together with the store that it fills: whoever composes the process hands the store to the usage API. */
export interface StoreSink extends Sink {
  readonly store: Store
}

export default defineSink({
  summary: 'Keeps records in Parquet files by hour and answers usage questions with DuckDB',
  idempotency: 'block',
  options: storeOptions,
  // 20,000 records, none of which is held, make a file of 1 MB; 2 s keep the usage page live
  block: { maxRecords: 20_000, maxBytes: 12 * 1024 * 1024, maxAgeMs: 2000 },
  inFlight: 1, // the store writes one block at a time
  scratch: ({ dir: _, ...options }) => options,
  async open({ dir, ...limits }, { name, dataDir, log }): Promise<StoreSink> {
    const store = await openStore({ dir: dir ?? join(dataDir, 'store'), ...limits, log })
    return {
      store,
      async write(block, signal) {
        await store.append(block, signal)
        return undefined
      },
      settled: ({ token }) => store.settled(token),
      expose: (format) => exposeStore(store.status(), name, format),
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    }
  },
  holdings: (options, context) => openHoldings(options, context),
  notResendable:
    'It knows blocks, not records: one that comes in another block than before is stored once more. To fill what is missing, put the sink under another name with an empty dir and that time as startAt: it takes all that the log still holds; what is older stays in the old folder alone.',
  diagnose: ({ dir, ...limits }, { dataDir }) => diagnoseStore({ dir: dir ?? join(dataDir, 'store'), ...limits }),
})
