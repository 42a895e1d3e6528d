import { describe } from 'node:test'
import { appendContract } from './append-contract.ts'
import { deadLetterContract } from './dead-letter-contract.ts'
import { deliveryContract } from './delivery-contract.ts'
import { modelContract } from './model-contract.ts'
import { ownershipContract } from './ownership-contract.ts'
import { retentionContract } from './retention-contract.ts'
import type { MakeLog } from './scratch-log.ts'

/** What every buffer must do. Each member's test calls this once; `make` gives a log that is new. */
export function bufferContract(name: string, make: MakeLog): void {
  describe(`${name} appends as every buffer does`, () => appendContract(make))
  describe(`${name} delivers as every buffer does`, () => deliveryContract(make))
  describe(`${name} keeps dead letters as every buffer does`, () => deadLetterContract(make))
  describe(`${name} lets go as every buffer does`, () => retentionContract(make))
  describe(`${name} is owned as every buffer is`, () => ownershipContract(make))
  describe(`${name} is what a model of a buffer is`, () => modelContract(make))
}
