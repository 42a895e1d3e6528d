import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Cluster, Redis } from 'ioredis'
import { isUnknownScript } from './failure.ts'

const names = [
  ...[
    'open',
    'next',
    'append',
    'skip',
    'take',
    'attend',
    'lease',
    'place',
    'seal',
    'split',
    'settle',
    'settle-retry',
    'evict',
  ],
  ...['trim', 'forget', 'inspect', 'end', 'minutes', 'letters', 'drop', 'retry', 'retries', 'retire'],
] as const
export type ScriptName = (typeof names)[number]

/** What Redis replies: bytes, small integers and lists of them. */
export type Reply = Buffer | number | null | readonly Reply[]
export type Argument = string | number | Uint8Array

interface Script {
  readonly source: string
  readonly hash: string
}

const prelude = readFileSync(new URL('./lua/prelude.lua', import.meta.url), 'utf8')
const scripts = new Map(names.map((name) => [name, load(name)]))

function load(name: ScriptName): Script {
  const source = prelude + readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), 'utf8')
  return { source, hash: createHash('sha1').update(source).digest('hex') }
}

/** Runs a script by its hash; sends its text only to a server that does not know it. */
export async function evaluate(
  client: Redis | Cluster,
  name: ScriptName,
  keys: readonly string[],
  args: readonly Argument[],
): Promise<readonly Reply[]> {
  const { source, hash } = scripts.get(name)! // all are loaded above
  const rest = [keys.length, ...keys, ...args.map(toBytes)]
  const reply = await client.callBuffer('evalsha', hash, ...rest).catch((error: unknown) => {
    if (!isUnknownScript(error)) throw error
    return client.callBuffer('eval', source, ...rest)
  })
  return reply as readonly Reply[] // every script replies with a list
}

function toBytes(argument: Argument): string | number | Buffer {
  if (typeof argument !== 'object') return argument
  return Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength)
}

export function toText(reply: Reply | undefined): string {
  return String(reply)
}

export function toNumber(reply: Reply | undefined): number {
  return Number(toText(reply))
}

export function toList(reply: Reply | undefined): readonly Reply[] {
  return Array.isArray(reply) ? reply : []
}

/** A hash, which Redis replies with as names and values in turn. */
export function toEntries(reply: Reply | undefined): [string, Buffer][] {
  const list = toList(reply)
  return Array.from({ length: list.length / 2 }, (_, i) => [toText(list[2 * i]), list[2 * i + 1] as Buffer]) // values of a hash are bytes
}
