import type { RequestRecord } from '../../record/fields.ts'
import type { Log } from '../../runtime/log.ts'
import type { RecordTaker } from '../core.ts'
import type { Held } from './body-capture.ts'
import { Capture } from './capture.ts'
import { Decoding } from './decoding.ts'
import { type Captured, toDetail } from './detail.ts'
import type { Recording } from './recording.ts'

/** 1,000 records whose details are being made, while bodies are decoded. Beyond it a record goes without its detail. */
const pendingMax = 1_000

export interface DetailsDependencies {
  readonly recorder: RecordTaker
  readonly log: Log
}

/** Makes the details of records. Whatever goes wrong there, the record itself is recorded. */
export class Details {
  readonly #recorder: RecordTaker
  readonly #log: Log
  readonly #held: Held = { bytes: 0 }
  readonly #decoding = new Decoding()
  readonly #pending = new Set<Promise<void>>()

  constructor({ recorder, log }: DetailsDependencies) {
    this.#recorder = recorder
    this.#log = log
  }

  capture(recording: Recording): Capture {
    return new Capture(recording, this.#held)
  }

  /** Records a request together with what was captured of it. */
  record(record: RequestRecord, captured: Captured): void {
    const work = this.#record(record, captured)
    this.#pending.add(work)
    void work.then(() => this.#pending.delete(work))
  }

  /** Resolves when no detail is being made. */
  async idle(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending)
  }

  async #record(record: RequestRecord, captured: Captured): Promise<void> {
    const { capture } = captured
    let detail: RequestRecord['detail'] = { omitted: { detail: 'too many details at once' } }
    try {
      if (this.#pending.size < pendingMax) detail = await toDetail(captured, this.#decoding)
    } catch (error) {
      detail = { omitted: { detail: 'could not be made' } }
      this.#log('error', 'A detail could not be made; its record goes without it.', { id: record.id, error })
    } finally {
      capture.release()
    }
    this.#recorder.record({ ...record, detail })
  }
}
