import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { type Block, defineSink, type Sink, type SinkContext } from '../sink.ts'
import { diagnoseFile } from './diagnose.ts'
import { toSinkError } from './failure.ts'
import { openHoldings } from './holdings.ts'
import { toLines } from './lines.ts'
import { filePattern } from './name.ts'
import { type FileOptions, fileOptions } from './options.ts'
import { type Place, ShardFiles, type ShardFilesOptions } from './shard-files.ts'
import { tidy } from './tidy.ts'

export default defineSink({
  summary: 'Appends requests to rotated files, as JSON lines or CSV',
  idempotency: 'block',
  options: fileOptions,
  block: {
    maxRecords: 10_000, // some 8 MB of JSON: one wait for the disk then costs less than a tenth of writing it
    maxBytes: 4 * 1024 * 1024,
    maxAgeMs: 1000, // whoever follows the file sees a request within about a second
  },
  inFlight: 1, // a file has one end
  scratch: ({ folder: _, ...options }) => options,
  async open(options, context) {
    return new FileSink(options, context)
  },
  holdings: (options, context) => openHoldings(options, context),
  notResendable:
    'Its files hold lines in the order of the log, and nothing tells a line that is written once more. To fill what is missing, add a sink with another name and folder whose startAt is that time: it writes all that the log still holds.',
  diagnose: (options, { dataDir }) => diagnoseFile(folderOf(options, dataDir), options),
})

function folderOf({ folder }: FileOptions, dataDir: string): string {
  return folder ?? join(dataDir, 'files')
}

const stateKey = 'file'
/** An hour: how often files are looked at for their age while none is completed. */
const tidyEveryMs = 3_600_000

interface OpenShard {
  readonly files: ShardFiles
  /** The last time that old files were looked at, and its end. */
  tidiedMs: number
  tidied: Promise<void>
}

/** Appends the blocks of each shard to files of its own. */
class FileSink implements Sink {
  readonly #options: FileOptions
  readonly #context: SinkContext
  readonly #files: ShardFilesOptions
  readonly #shards = new Map<string, OpenShard>()
  /** What must end before the sink is closed. */
  readonly #tasks = new Set<Promise<unknown>>()
  readonly #closed = new AbortController()

  constructor(options: FileOptions, context: SinkContext) {
    const { format, fields, guardFormulas, prefix, rotate, fsync } = options
    this.#options = options
    this.#context = context
    this.#files = {
      folder: folderOf(options, context.dataDir),
      naming: { prefix, format },
      lines: toLines(options),
      kind: createHash('sha256')
        .update(JSON.stringify([format, fields, guardFormulas]))
        .digest('hex')
        .slice(0, 8),
      rotate,
      fsync,
      log: context.log,
    }
  }

  async write(block: Block, signal: AbortSignal) {
    signal.throwIfAborted()
    this.#closed.signal.throwIfAborted()
    const shard = this.#shards.get(block.shard)
    if (!shard) throw new Error(`Shard ${block.shard} was written to before it was acquired.`)
    const writing = shard.files.write(block, signal).catch((error: unknown) => {
      throw signal.aborted && error === signal.reason ? error : toSinkError(error, this.#files.folder)
    })
    const place = await this.#track(writing)
    return place && { state: new Map([[stateKey, Buffer.from(JSON.stringify(place))]]) }
  }

  acquired(shard: string, state: ReadonlyMap<string, Uint8Array>): void {
    const saved = state.get(stateKey)
    const settled = saved ? (JSON.parse(Buffer.from(saved).toString()) as Place) : undefined // as `write` saved it
    this.#shards.set(shard, {
      files: new ShardFiles(shard, settled, this.#files),
      tidiedMs: 0,
      tidied: Promise.resolve(),
    })
  }

  settled(block: Block): void {
    const shard = this.#shards.get(block.shard)
    if (!shard) return
    const hasCompleted = shard.files.settle(block)
    if (hasCompleted || Date.now() - shard.tidiedMs > tidyEveryMs) this.#tidy(block.shard, shard)
  }

  released(shard: string): void {
    const files = this.#shards.get(shard)?.files
    this.#shards.delete(shard)
    if (files) this.#track(files[Symbol.asyncDispose]()).catch(() => {}) // nothing is lost by a failed close: what counts was synced
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new Error('The sink is closed.'))
    for (const shard of [...this.#shards.keys()]) this.released(shard)
    await Promise.allSettled(this.#tasks)
  }

  #tidy(name: string, shard: OpenShard): void {
    const { keep, gzip, prefix } = this.#options
    if (!gzip && keep.files === undefined && keep.days === undefined) return
    const { folder } = this.#files
    const { log } = this.#context
    const { signal } = this.#closed
    const options = {
      folder,
      pattern: filePattern({ prefix }, name),
      inUse: () => shard.files.inUse,
      keep,
      gzip,
      log,
      signal,
    }
    shard.tidiedMs = Date.now()
    shard.tidied = shard.tidied
      .then(() => tidy(options))
      .catch((error: unknown) => {
        if (!signal.aborted) log('warn', 'Old files could not be tidied up; it is tried again.', { folder, error })
      })
    this.#track(shard.tidied)
  }

  #track<T>(task: Promise<T>): Promise<T> {
    this.#tasks.add(task)
    const done = () => void this.#tasks.delete(task)
    task.then(done, done)
    return task
  }
}
