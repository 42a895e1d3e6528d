import { readFileSync, renameSync, writeFileSync } from 'node:fs'

/** What a producer is to do from now on: a file that it looks at, so that an order also holds for its next life. */
export interface Order {
  readonly recordsPerSecond: number
  /** How far its clock is off. */
  readonly skewMs: number
  /** How many poison records it has been asked for in this run; those asked for before its life began are none of its business. */
  readonly poison: number
  /** As poison, but records like any other: to make one where nothing else is made. */
  readonly single: number
}

export function giveOrder(file: string, order: Order): void {
  writeFileSync(`${file}.new`, JSON.stringify(order))
  renameSync(`${file}.new`, file) // never half an order
}

export function readOrder(file: string): Order {
  return JSON.parse(readFileSync(file, 'utf8')) as Order // as giveOrder wrote it
}
