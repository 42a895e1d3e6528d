import type { Log } from '../../runtime/log.ts'
import { orAborted } from '../../runtime/wait.ts'
import { type Block, defineSink, HaltError, RejectedError, type Sink } from '../sink.ts'
import { type Connection, openConnection } from './connection.ts'
import { diagnoseClickHouse } from './diagnose.ts'
import { openHoldings } from './holdings.ts'
import { checkVersion, migrate } from './migrate.ts'
import { type ClickHouseOptions, clickhouseOptions } from './options.ts'
import { toRows } from './row-binary.ts'
import { columns, tables } from './tables.ts'

/*
  One block is one synchronous insert, and its token the insert's: the server passes over an insert whose token it
  remembers, in the table of records and in both tables behind views. Beyond what it remembers, the token is looked up.
*/
export default defineSink({
  summary: 'Inserts records into ClickHouse, with usage per minute and per hour',
  idempotency: 'block',
  options: clickhouseOptions,
  block: {
    maxRecords: 20_000, // ClickHouse advises 10,000 to 100,000 rows an insert
    maxBytes: 16 * 1024 * 1024, // two on their way, decoded, stay far below 300 MB
    maxAgeMs: 1000, // an insert a second is what ClickHouse advises at most
  },
  inFlight: 2, // one is read while the other is inserted; their order does not matter
  async open(options, { log }) {
    return new ClickHouseSink(await openConnection(options), options, log)
  },
  holdings: (options) => openHoldings(options),
  notResendable:
    'Usage is summed up from its inserts: a record in another block than before is counted once more. To fill what is missing, add a sink with another name and prefix whose startAt is that time: it gets all that the log still holds in tables of its own.',
  diagnose: (options, _, signal) => diagnoseClickHouse(options, signal),
})

class ClickHouseSink implements Sink {
  readonly #connection: Connection
  readonly #options: ClickHouseOptions
  readonly #log: Log
  readonly #table: string
  readonly #insert: string
  /** The tables are as they must be; undefined until somebody asks, and again after a failure. */
  #prepared: Promise<void> | undefined

  constructor(connection: Connection, options: ClickHouseOptions, log: Log) {
    this.#connection = connection
    this.#options = options
    this.#log = log
    this.#table = tables(options).requests
    this.#insert = `INSERT INTO ${this.#table} (${columns.map(({ name }) => name).join(', ')}) FORMAT RowBinary`
  }

  async write(block: Block, signal: AbortSignal): Promise<undefined> {
    signal.throwIfAborted()
    await this.#prepare(signal)
    try {
      if (this.#mayBeForgotten(block) && (await this.#isStored(block, signal))) return
      await this.#store(block, signal)
    } catch (error) {
      if (!(error instanceof RejectedError)) this.#prepared = undefined
      throw error
    }
  }

  async #store(block: Block, signal: AbortSignal): Promise<void> {
    const { token, appendedAtMs } = block
    const rows = toRows(block, { token, receivedAtS: toSeconds(appendedAtMs) })
    await this.#connection.run(this.#insert, signal, {
      rows,
      settings: { ...oneInsert, insert_deduplication_token: token },
    })
  }

  /** Whether the server may have forgotten the block's token since it was first sent. */
  #mayBeForgotten({ repeated, appendedAtMs }: Block): boolean {
    return repeated && Date.now() - appendedAtMs > (this.#options.dedupe.seconds / 2) * 1000
  }

  async #isStored({ token, appendedAtMs }: Block, signal: AbortSignal): Promise<boolean> {
    const sql = `SELECT 1 FROM ${this.#table} WHERE received_at = {at:UInt32} AND block = {token:String} LIMIT 1 FORMAT TSV`
    const parameters = { at: toSeconds(appendedAtMs), token }
    return (await this.#connection.run(sql, signal, { parameters })) !== ''
  }

  /** Once for all writes: it goes on when the write that asked first is aborted. */
  #prepare(signal: AbortSignal): Promise<void> {
    this.#prepared ??= this.#bring().catch((error: unknown) => {
      this.#prepared = undefined
      // No record has been sent: none may be taken to be at fault.
      throw error instanceof RejectedError ? new HaltError(error.message, { cause: error }) : error
    })
    return orAborted(this.#prepared, signal)
  }

  #bring(): Promise<void> {
    return this.#options.migrate
      ? migrate(this.#connection, this.#options, this.#log, unaborted)
      : checkVersion(this.#connection, this.#options, unaborted)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection[Symbol.asyncDispose]()
  }
}

const oneInsert = {
  insert_deduplicate: 1,
  deduplicate_blocks_in_dependent_materialized_views: 1, // off by default: a repeat would double the rollups
  materialized_views_ignore_errors: 0,
  // A block becomes one part, whole or not at all: more rows and bytes than one can have.
  max_insert_block_size: 1_000_000,
  min_insert_block_size_rows: 1_000_000,
  min_insert_block_size_bytes: 1024 ** 3,
}

const unaborted = new AbortController().signal

const toSeconds = (ms: number) => Math.floor(ms / 1000)
