import assert from 'node:assert/strict'
import { appendFile, readdir, readFile, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { aRecord } from '../../record/sample.ts'
import file from '../../sinks/file/file.ts'
import { aBlock, again, nextBlock, openDelivery } from './delivery.ts'
import { scratch } from './file-delivery.ts'

const aStep = fc.record({
  do: fc.constantFrom(
    'deliver' as const,
    'deliver' as const,
    'crash after the write' as const,
    'crash in the write' as const,
    'crash in the write, the first half again' as const,
    'restart' as const,
  ),
  records: fc.integer({ min: 1, max: 6 }),
  hours: fc.constantFrom(0, 0, 0, 25),
  tornBytes: fc.nat(3000),
})

test('whatever crashes in between, the files hold every settled record once and in order', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(aStep, { minLength: 1, maxLength: 12 }), async (steps) => {
      const folder = await scratch(t)
      const options = { folder, rotate: { bytes: 3000 }, fsync: false }
      const place = { options, stored: async () => [] }
      await using delivery = await openDelivery({ definition: file, fresh: async () => place }, place)
      const expected: string[] = []
      let last = aBlock([])
      for (const { do: action, records, hours, tornBytes } of steps) {
        if (action === 'restart') {
          await delivery.restart()
          continue
        }
        const some = Array.from({ length: records }, () => aRecord())
        let block = { ...nextBlock(last, some), appendedAtMs: last.appendedAtMs + hours * 3_600_000 }
        if (action !== 'deliver') {
          const before = await sizesIn(folder)
          await delivery.write(block)
          if (action !== 'crash after the write') await tear(folder, before, tornBytes)
          await delivery.restart()
          block = again(block)
        }
        if (action === 'crash in the write, the first half again') {
          const half = Math.ceil(records / 2)
          const first = { ...block, token: 'half', records: some.slice(0, half), endSeq: block.seq + half }
          await delivery.deliver(first)
          block = { ...nextBlock(first, some.slice(half)), appendedAtMs: block.appendedAtMs }
        }
        await delivery.deliver(block)
        expected.push(...some.map(({ id }) => id))
        last = block
      }
      assert.deepEqual(await idsIn(folder), expected)
    }),
    { numRuns: 60 },
  )
})

/** Files in the order of their records, with their lengths; the link to the newest one is none. */
async function sizesIn(folder: string): Promise<Map<string, number>> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const seqOf = (name: string) => Number(/-(\d+)\.jsonl$/.exec(name)?.[1])
  const names = entries.flatMap((entry) => (entry.isFile() ? [entry.name] : [])).sort((a, b) => seqOf(a) - seqOf(b))
  return new Map(
    await Promise.all(names.map(async (name) => [join(folder, name), (await stat(join(folder, name))).size] as const)),
  )
}

/** Leaves the newest file as a write that was cut short would: without some of the bytes that it added, or with the beginning of more. */
async function tear(folder: string, before: ReadonlyMap<string, number>, bytes: number): Promise<void> {
  const [path, size] = [...(await sizesIn(folder))].at(-1) ?? assert.fail('nothing was written')
  if (bytes % 3 === 0) await appendFile(path, '{"id":"torn'.repeat(bytes % 50))
  else await truncate(path, Math.max(size - bytes, before.get(path) ?? 0))
}

async function idsIn(folder: string): Promise<string[]> {
  const texts = await Promise.all([...(await sizesIn(folder)).keys()].map((path) => readFile(path, 'utf8')))
  for (const text of texts) assert.ok(text.endsWith('\n'), 'the last line is whole')
  return texts.flatMap((text) => text.split('\n').slice(0, -1)).map((line) => JSON.parse(line).id)
}
