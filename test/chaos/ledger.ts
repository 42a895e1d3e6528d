import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs'
import type { ProducerBoot } from '../../buffer/mend.ts'
import type { RecorderCounts } from '../../buffer/recorder.ts'

/*
  What a producer writes down of one life, line by line, past every buffer of its own: a SIGKILL takes nothing of it away

    boot <producer> <boot>   whose frames these are
    making <n>               all records below n are made, or will be now
    refused <n>              from the n-th on they were refused,
    taken <n>                and from the n-th on they were taken again
    poison <n>               the n-th is one that some sinks refuse
    durable <count>          so many of those taken are durable, as the recorder says
    end <made> <refused>     it ended as it was asked to, with these counts in the end
*/

/** Whom and what a judge can hold a producer to. */
export interface LifeLedger {
  readonly boot: ProducerBoot
  /** Every record that may exist is below it. */
  readonly made: number
  /** Runs of records that were refused: from, up to but without the other. */
  readonly refused: readonly (readonly [number, number])[]
  readonly poison: ReadonlySet<number>
  /** The last that it was told to be durable. */
  readonly durable: number
  /** Its last counts, where it ended by itself. */
  readonly end: { readonly made: number; readonly refused: number } | undefined
}

/** The writing end. */
export class LedgerFile implements Disposable {
  readonly #file: number
  #isRefusing = false
  #durable = 0

  constructor(path: string, { producer, boot }: ProducerBoot) {
    this.#file = openSync(path, 'wx')
    this.#write(`boot ${producer} ${boot}`)
  }

  making(beforeN: number): void {
    this.#write(`making ${beforeN}`)
  }

  poison(n: number): void {
    this.#write(`poison ${n}`)
  }

  /** To be called at once: a record is durable some milliseconds later at the earliest. */
  recorded(n: number, isTaken: boolean): void {
    if (isTaken !== this.#isRefusing) return
    this.#isRefusing = !isTaken
    this.#write(`${isTaken ? 'taken' : 'refused'} ${n}`)
  }

  durable(count: number): void {
    if (count === this.#durable) return
    this.#durable = count
    this.#write(`durable ${count}`)
  }

  end({ made, refused, appended }: RecorderCounts): void {
    this.durable(appended)
    this.#write(`end ${made} ${Object.values(refused).reduce((sum, count) => sum + count, 0)}`)
  }

  #write(line: string): void {
    writeSync(this.#file, `${line}\n`)
  }

  [Symbol.dispose](): void {
    closeSync(this.#file)
  }
}

/** Reads what a life left, however it ended; undefined where it did not come as far as to record. */
export function readLedger(path: string): LifeLedger | undefined {
  if (!existsSync(path)) return undefined
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  let boot: ProducerBoot | undefined
  let end: LifeLedger['end']
  let made = 0
  let durable = 0
  let refusedFrom: number | undefined
  const refused: [number, number][] = []
  const poison = new Set<number>()
  for (const line of lines) {
    const [word, first = '', second = ''] = line.split(' ')
    if (word === 'boot') boot = { producer: first, boot: Number(second) }
    else if (word === 'making') made = Number(first)
    else if (word === 'durable') durable = Number(first)
    else if (word === 'poison') poison.add(Number(first))
    else if (word === 'refused') refusedFrom = Number(first)
    else if (word === 'end') end = { made: Number(first), refused: Number(second) }
    else if (word === 'taken' && refusedFrom !== undefined) {
      refused.push([refusedFrom, Number(first)])
      refusedFrom = undefined
    }
  }
  if (refusedFrom !== undefined) refused.push([refusedFrom, made])
  return boot && { boot, made, refused, poison, durable, end }
}
