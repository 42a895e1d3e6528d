import assert from 'node:assert/strict'
import { BufferUnavailableError, endOf, FencedError, type Buffer as Log, type Reader } from '../../buffer/buffer.ts'
import { until } from '../services/until.ts'
import { nothingElse, sealTo, take, textOf } from './scratch-log.ts'

/** Asks until the log can be reached. */
export async function persist<T>(ask: () => Promise<T>): Promise<T> {
  let answer: { readonly it: T } | undefined
  await until(
    async () => {
      try {
        answer = { it: await ask() }
      } catch (error) {
        if (!(error instanceof BufferUnavailableError)) throw error
      }
      return answer !== undefined
    },
    { timeoutMs: 60_000 },
  )
  return answer!.it // until would have thrown
}

/** Delivers every block of one or two frames until so many records are settled, and takes the sink anew whenever it was lost. */
export async function deliver(log: Log, records: number): Promise<Map<string, string[]>> {
  const sent = new Map<string, string[]>()
  let settled = 0
  while (settled < records) {
    const reader = await persist(() => take(log))
    settled = reader.cursor.offset
    try {
      for (const seal of reader.seals) {
        await send(reader, sent, seal)
        settled = seal.to.offset
      }
      while (settled < records && !reader.lost.aborted) {
        const from = { offset: settled, index: 0 }
        const [first, second] = await persist(() => reader.read(from, { maxBytes: 1000 }))
        if (!first) continue
        const to = endOf(second ?? first)
        await send(reader, sent, await persist(() => sealTo(reader, from, to)))
        settled = to.offset
      }
    } catch (error) {
      if (!(error instanceof FencedError)) throw error
    }
  }
  return sent
}

/** Notes what a backend would get under the block's token, which must be the same each time, and settles it. */
async function send(reader: Reader, sent: Map<string, string[]>, seal: Reader['seals'][number]): Promise<void> {
  const frames = await persist(() => reader.read(seal.from, { maxBytes: 1000 }))
  const texts = frames.filter(({ offset }) => offset < seal.to.offset).map(textOf)
  assert.deepEqual(sent.get(seal.token) ?? texts, texts)
  sent.set(seal.token, texts)
  await persist(() => reader.settle(seal, { delivered: seal.to.offset - seal.from.offset, ...nothingElse }))
}
