import type { RequestRecord } from '../record/fields.ts'
import type { Log } from '../runtime/log.ts'
import { openThread, type Thread } from '../runtime/thread.ts'
import { wait } from '../runtime/wait.ts'
import type { ProducerBoot } from './mend.ts'
import { Ring } from './ring.ts'
import type { FromSpool, LocalOptions, RemoteOptions, SpoolData, SpoolReport, ToSpool } from './spool-protocol.ts'

/** The way of records from the request path into the log. Disposing makes what it holds durable, as far as `closeMs` allows. */
export interface Recorder extends AsyncDisposable {
  /** Takes a record; false where it is refused, which is counted. Never waits, throws or blocks: 1.1 µs, most of it packing (bench/recorder.ts). */
  record(record: RequestRecord): boolean
  /** What became of the records so far: `made = appended + refused + ringRecords`. */
  readonly counts: RecorderCounts
  /** Whose frames these are. */
  readonly producer: ProducerBoot
}

export interface RecorderCounts extends SpoolReport {
  readonly made: number
  /** Made durable in the local buffer. */
  readonly appended: number
  readonly refused: Readonly<Record<RefusalReason, number>>
  /** In memory, on their way to the local buffer. */
  readonly ringRecords: number
  readonly ringBytes: number
}

/**
 * Why a record was lost: the ring was full; it was too large even without its detail; it could not be packed at all,
 * which is a fault of ours; or it came, or was still waiting, when the recorder closed.
 */
export const refusalReasons = ['ring_full', 'too_large', 'invalid', 'closed'] as const
export type RefusalReason = (typeof refusalReasons)[number]

export interface RecorderOptions {
  /** The local buffer: the log itself, or with `remote` the spool before it. */
  readonly local: LocalOptions
  /** The shared buffer that the local one is forwarded into. */
  readonly remote?: RemoteOptions
  /** 10 minutes: how long what was forwarded stays in the local buffer, so that a shared one that lost its tail can be mended. */
  readonly keepMs?: number
  /** 16 MiB: some 50,000 records, which is seconds of a full gateway. */
  readonly ringBytes?: number
  /** 50 ms: what a killed process loses, together with one commit. */
  readonly turnMs?: number
  /** 5 s: how long disposing waits for the log to take what is left, and then again for the forwarder. */
  readonly closeMs?: number
  readonly log: Log
}

/** 256 KiB: handed over at once where the turn is not over yet; copying more would be felt by a request. */
const handOverBytes = 256 * 1024
/** 4 MiB: more than a slow commit lets pile up, and little beside the ring. */
const windowBytes = 4 * 1024 * 1024

/** Resolves once the local buffer is open; throws where it cannot be. From then on nothing that happens to it reaches the caller. */
export async function openRecorder(options: RecorderOptions): Promise<Recorder> {
  const recorder = new RingRecorder(options)
  await recorder.open(options)
  return recorder
}

class RingRecorder implements Recorder {
  readonly #ringBytes: number
  readonly #ring: Ring
  readonly #log: Log
  readonly #closeMs: number
  readonly #turnTimer: NodeJS.Timeout
  #turnBegun = false
  readonly #refused = Object.fromEntries(refusalReasons.map((reason) => [reason, 0])) as Record<RefusalReason, number> // fromEntries loses the keys
  #made = 0
  #appended = 0
  #report: SpoolReport = { forwarded: 0, skipped: 0, spoolBytes: 0, spoolBacklog: 0 }
  /** What threads that died had forwarded and skipped: a new one counts from 0. */
  #earlier = { forwarded: 0, skipped: 0 }
  #producer: ProducerBoot | undefined
  #thread: Thread<ToSpool> | undefined
  #threadListens = false
  /** Refusals when the ring was last found full; undefined while it is not. */
  #fullSince: number | undefined
  #closing: Promise<void> | undefined
  #onEmpty = () => {}

  constructor({ ringBytes = 16 * 1024 * 1024, turnMs = 50, closeMs = 5000, log }: RecorderOptions) {
    this.#ringBytes = ringBytes
    this.#ring = new Ring({ maxBytes: ringBytes, windowBytes })
    this.#log = log
    this.#closeMs = closeMs
    this.#turnTimer = setTimeout(() => this.#endTurn(), turnMs)
  }

  async open({ local, remote, keepMs = 600_000, log }: RecorderOptions): Promise<void> {
    const thread = await openThread<ToSpool, FromSpool>({
      name: 'spool',
      url: new URL('./spool-thread.ts', import.meta.url),
      data: (): SpoolData => ({ local, remote, keepMs, producer: this.#producer }),
      onMessage: (message) => this.#take(message),
      onDeath: () => this.#outlive(),
      farewell: { message: { kind: 'close', forwardMs: this.#closeMs }, withinMs: this.#closeMs + 2000 },
      log,
    })
    this.#thread = thread
    this.#handOver()
  }

  get producer(): ProducerBoot {
    return this.#producer! // known before `openRecorder` resolves
  }

  get counts(): RecorderCounts {
    const { records: ringRecords, bytes: ringBytes } = this.#ring
    const own = { made: this.#made, appended: this.#appended, refused: { ...this.#refused } }
    const forwarded = this.#earlier.forwarded + this.#report.forwarded
    const skipped = this.#earlier.skipped + this.#report.skipped
    return { ...own, ringRecords, ringBytes, ...this.#report, forwarded, skipped }
  }

  record(record: RequestRecord): boolean {
    this.#made++
    if (this.#closing) return this.#refuse('closed')
    let outcome: ReturnType<Ring['push']>
    try {
      outcome = this.#ring.push(record)
    } catch (error) {
      if (this.#refused.invalid === 0) this.#log('error', 'A record could not be packed.', { id: record.id, error })
      return this.#refuse('invalid')
    }
    if (outcome === 'ring_full') this.#sayFull()
    if (outcome !== 'taken') return this.#refuse(outcome)
    if (!this.#turnBegun) this.#beginTurn()
    if (this.#ring.readyBytes >= handOverBytes) this.#handOver()
    return true
  }

  #refuse(reason: RefusalReason): false {
    this.#refused[reason]++
    return false
  }

  #sayFull(): void {
    if (this.#fullSince !== undefined) return
    this.#fullSince = this.#refused.ring_full
    this.#log('error', 'The ring is full; the newest records are refused and counted.', { ringBytes: this.#ring.bytes })
  }

  /** All that comes within a turn goes over together, so that a busy gateway makes 20 commits a second and not one for each frame. */
  #beginTurn(): void {
    this.#turnBegun = true
    this.#turnTimer.refresh()
  }

  #endTurn(): void {
    this.#turnBegun = false
    this.#ring.cut()
    this.#handOver()
    if (this.#ring.unsentBytes > 0) this.#beginTurn()
  }

  #handOver(): void {
    if (!this.#threadListens) return
    const frames = this.#ring.handOver()
    if (frames.length > 0) this.#thread?.post({ kind: 'append', frames })
  }

  #take(message: FromSpool): void {
    if (message.kind === 'report') this.#report = message.report
    else if (message.kind === 'appended') this.#acknowledge(message.throughSeq)
    else {
      this.#producer = message.producer
      this.#report = message.report ?? this.#report
      this.#ring.rewind()
      this.#threadListens = true
      this.#handOver()
    }
  }

  #outlive(): void {
    this.#threadListens = false
    const { forwarded, skipped } = this.counts
    this.#earlier = { forwarded, skipped }
    this.#report = { ...this.#report, forwarded: 0, skipped: 0 }
  }

  #acknowledge(throughSeq: number): void {
    this.#appended += this.#ring.acknowledge(throughSeq)
    if (this.#fullSince !== undefined && this.#ring.bytes < this.#ringBytes / 2) {
      const refused = this.#refused.ring_full - this.#fullSince
      this.#fullSince = undefined
      this.#log('info', 'The ring takes records again.', { refused })
    }
    if (this.#closing || this.#ring.readyBytes >= handOverBytes) this.#handOver()
    if (this.#ring.records === 0) this.#onEmpty()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close()
    await this.#closing
  }

  async #close(): Promise<void> {
    clearTimeout(this.#turnTimer)
    this.#ring.cut()
    this.#handOver()
    if (this.#ring.records > 0) {
      const emptied = new AbortController()
      this.#onEmpty = () => emptied.abort()
      await wait(this.#closeMs, emptied.signal).catch(() => {}) // emptied before
    }
    await this.#thread?.[Symbol.asyncDispose]()
    const lost = this.#ring.discard()
    if (lost === 0) return
    this.#refused.closed += lost
    this.#log('error', 'The local buffer did not take the last records in time; they are lost.', { records: lost })
  }
}
