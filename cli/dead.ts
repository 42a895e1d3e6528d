import { type Buffer, retryBatchLetters, type StoredDeadLetter } from '../buffer/buffer.ts'
import { deadLettersOf } from '../buffer/dead-letters.ts'
import { decodeFrame, FrameError, Undecodable } from '../record/frame.ts'
import { openLog } from '../runtime/log.ts'
import { didYouMean } from '../runtime/suggest.ts'
import { type Command, exitCodes, type OptionValues, type Terminal, textOf, UsageError, ValueError } from './command.ts'
import { configOf, configOption } from './files.ts'
import { openExistingBuffer } from './roles/buffer.ts'
import { toTable } from './table.ts'

export const deadCommand: Command = {
  summary: 'Shows the records that sinks refused, delivers them again, or lets go of them',
  usage: 'list [SINK] | show SINK ID… | retry SINK ID…|--all | drop SINK ID…|--all',
  operands: Number.POSITIVE_INFINITY,
  options: {
    config: configOption,
    all: { type: 'boolean', doc: 'All dead letters of the sink' },
    limit: { type: 'string', value: 'N', doc: 'Letters to list at most, oldest first', default: '100' },
  },
  examples: [
    'penstock dead list warehouse',
    'penstock dead show warehouse 17 | jq .status',
    'penstock dead retry warehouse --all',
    'penstock dead drop warehouse 17 18',
  ],
  async run(values, [verb, sink, ...ids], terminal) {
    if (verb === undefined || !Object.hasOwn(verbs, verb)) {
      throw new UsageError(
        `penstock dead takes list, show, retry or drop.${didYouMean(verb ?? '', Object.keys(verbs))} See penstock dead --help.`,
      )
    }
    if (verb === 'list' && ids.length > 0)
      throw new UsageError(`penstock dead list takes one sink; penstock dead show ${sink} ID… shows letters.`)
    const config = configOf(values, terminal)
    await using buffer = await openExistingBuffer(config, openLog({ level: 'warn' }))
    const known = [...new Set((await buffer.inspect()).flatMap(({ ledgers }) => ledgers.map((ledger) => ledger.sink)))]
    if (sink !== undefined && !known.includes(sink))
      throw new UsageError(`The log knows no sink "${sink}".${didYouMean(sink, known)}`)
    if (verb === 'list') return await list(buffer, sink === undefined ? known : [sink], toLimit(values), terminal)
    if (sink === undefined) throw new UsageError(`Which sink? penstock dead ${verb} SINK ID…`)
    const chosen = values.all ? undefined : ids.map(toId)
    if (chosen?.length === 0) throw new UsageError(`Which letters? penstock dead ${verb} ${sink} ID… or --all`)
    return await verbs[verb as Exclude<keyof typeof verbs, 'list'>](buffer, sink, chosen, terminal) // list has returned above
  },
}

const verbs = { list, show, retry, drop }

function toLimit(values: OptionValues): number {
  const limit = Number(textOf(values, 'limit'))
  if (!Number.isInteger(limit) || limit < 1) throw new ValueError('--limit takes a whole number from 1.')
  return limit
}

function toId(text: string): number {
  const id = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(id))
    throw new ValueError(`"${text}" is no dead letter’s id: penstock dead list shows them.`)
  return id
}

async function list(
  buffer: Buffer,
  sinks: readonly string[],
  limit: number,
  { out, isTty }: Terminal,
): Promise<number> {
  const letters: StoredDeadLetter[] = []
  let more = 0
  for (const sink of sinks) {
    for await (const letter of deadLettersOf(buffer, sink)) {
      if (letters.length < limit) letters.push(letter)
      else more++
    }
  }
  const facts = letters.map(({ sink, id, shard, atMs, form, isRetried, reason }) => ({
    sink,
    id,
    shard,
    at: new Date(atMs).toISOString(),
    form,
    isRetried,
    reason,
  }))
  if (!isTty) {
    for (const letter of facts) out(`${JSON.stringify(letter)}\n`)
    return exitCodes.ok
  }
  if (facts.length === 0) out('No dead letters.\n')
  else {
    const columns = [{ title: 'sink' }, { title: 'id', align: 'right' as const }]
    const rest = ['shard', 'at', 'form', 'state', 'reason'].map((title) => ({ title }))
    out(
      toTable(
        [...columns, ...rest],
        facts.map(({ sink, id, shard, at, form, isRetried, reason }) => {
          return [sink, String(id), shard, at, form, isRetried ? 'to be retried' : 'kept', firstLine(reason)]
        }),
      ),
    )
  }
  if (more > 0) out(`… and ${more.toLocaleString('en')} more: --limit ${letters.length + more}\n`)
  return exitCodes.ok
}

function firstLine(text: string): string {
  const [line = ''] = text.split('\n')
  return line.length > 100 ? `${line.slice(0, 99)}…` : line
}

async function show(
  buffer: Buffer,
  sink: string,
  ids: readonly number[] | undefined,
  { out, isTty }: Terminal,
): Promise<number> {
  const found = new Set<number>()
  for await (const letter of deadLettersOf(buffer, sink)) {
    if (ids && !ids.includes(letter.id)) continue
    found.add(letter.id)
    out(isTty ? `${letter.id}: ${letter.reason}\n${contentOf(letter, 2)}\n` : `${contentOf(letter)}\n`)
  }
  return report(ids, found, sink)
}

/** The record as JSON; what cannot be decoded as what is known of it, with its bytes in base64. */
function contentOf({ form, bytes }: StoredDeadLetter, indent?: number): string {
  if (form === 'json') return JSON.stringify(JSON.parse(globalThis.Buffer.from(bytes).toString()), null, indent)
  return JSON.stringify({ bytes: globalThis.Buffer.from(bytes).toString('base64'), ...decodable(bytes) }, null, indent)
}

/** The record after all, where the letter is a frame that can be read, as that of a record that ended the process. */
function decodable(bytes: Uint8Array): object {
  try {
    const [record] = decodeFrame(bytes)
    return record && !(record instanceof Undecodable) ? { record } : {}
  } catch (error) {
    if (error instanceof FrameError) return {}
    throw error
  }
}

async function retry(
  buffer: Buffer,
  sink: string,
  ids: readonly number[] | undefined,
  { out }: Terminal,
): Promise<number> {
  const { wanted, found } = await choose(buffer, sink, ids, ({ form, isRetried }) => form === 'json' && !isRetried)
  let taken = 0
  for (let from = 0; from < wanted.length; from += retryBatchLetters)
    taken += await buffer.retryDeadLetters(sink, wanted.slice(from, from + retryBatchLetters))
  out(`${count(taken)} to be delivered again: the pump takes them up within a second or two.\n`)
  const left = found.size - taken
  if (left > 0) out(`${count(left)} left as they are: in a retry already, or not to be decoded.\n`)
  return report(ids, found, sink)
}

async function drop(
  buffer: Buffer,
  sink: string,
  ids: readonly number[] | undefined,
  { out }: Terminal,
): Promise<number> {
  const { wanted, found } = await choose(buffer, sink, ids, () => true)
  const dropped = await buffer.dropDeadLetters(sink, wanted)
  out(`${count(dropped)} let go of for good.\n`)
  const left = found.size - dropped
  if (left > 0) out(`${count(left)} kept: a retry of them is on its way.\n`)
  return report(ids, found, sink)
}

async function choose(
  buffer: Buffer,
  sink: string,
  ids: readonly number[] | undefined,
  accept: (letter: StoredDeadLetter) => boolean,
) {
  const wanted: number[] = []
  const found = new Set<number>()
  for await (const letter of deadLettersOf(buffer, sink)) {
    if (ids && !ids.includes(letter.id)) continue
    found.add(letter.id)
    if (accept(letter)) wanted.push(letter.id)
  }
  return { wanted, found }
}

function count(letters: number): string {
  return letters === 1 ? '1 dead letter is' : `${letters.toLocaleString('en')} dead letters are`
}

/** Throws where letters were asked for that are not there. */
function report(ids: readonly number[] | undefined, found: ReadonlySet<number>, sink: string): number {
  const missing = ids?.filter((id) => !found.has(id)) ?? []
  if (missing.length === 0) return exitCodes.ok
  throw new ValueError(`${sink} has no dead letter ${missing.join(', ')}: penstock dead list ${sink} shows them.`)
}
