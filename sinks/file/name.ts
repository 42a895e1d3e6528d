import type { RequestRecord } from '../../record/fields.ts'
import type { Block } from '../sink.ts'

type BlockId = Pick<Block, 'shard' | 'incarnation' | 'seq'>

/*
  Name of a file

    requests-0-20261004T091932Z-3f2a9c1b-1200345.jsonl
    prefix   │ │                │        └ place in the log of its first record
             │ │                └ log: the last 8 characters of its incarnation
             │ └ start of its first record
             └ shard

  The same for every attempt at a block, also at its first half, and never the same for another: so a name is never renamed.
*/

export interface Naming {
  readonly prefix: string
  readonly format: 'jsonl' | 'csv'
}

/** The name of the file that begins with `block`, whose first record is `first`. */
export function fileName({ prefix, format }: Naming, block: BlockId, first: Pick<RequestRecord, 'ts'>): string {
  const start = new Date(Math.floor(first.ts / 1000)).toISOString().replace(/\.\d+Z$/, 'Z')
  return `${prefix}-${wordOf(block.shard)}-${start.replaceAll(/[-:]/g, '')}${endOf(block)}.${format}`
}

/** Whether the name is one that an attempt at the block has begun. */
export function isOfBlock(name: string, block: BlockId): boolean {
  return name.includes(`${endOf(block)}.`)
}

/** The name that always leads to the shard's newest file; it has no format's ending, so that whoever reads `*.jsonl` reads no file twice. */
export function linkName({ prefix }: Pick<Naming, 'prefix'>, shard: string): string {
  return `${prefix}-${wordOf(shard)}.newest`
}

/** Recognises the files of a shard, or of all, compressed or not, whatever their format. */
export function filePattern({ prefix }: Pick<Naming, 'prefix'>, shard?: string): RegExp {
  const word = shard === undefined ? '(?<shard>[0-9A-Za-z]+)' : wordOf(shard)
  const start = '(?<start>[0-9T+]+Z)'
  const end = '(?<log>[0-9A-Za-z]+)-(?<seq>[0-9]+)\\.(?<format>jsonl|csv)(?<gz>\\.gz)?'
  return new RegExp(`^${prefix}-${word}-${start}-${end}$`)
}

function endOf({ incarnation, seq }: BlockId): string {
  return `-${wordOf(incarnation).slice(-8)}-${seq}`
}

function wordOf(text: string): string {
  return text.replaceAll(/[^0-9A-Za-z]/g, '') || '0'
}
