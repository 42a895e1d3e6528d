import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { aRecord } from '../../../record/sample.ts'
import { diagnoseStore } from '../../../sinks/store/diagnose.ts'
import { openManifest } from '../../../sinks/store/manifest.ts'
import { aFolder, openIn } from './place.ts'

const limits = { maxBytes: 64 * 1024 * 1024, retentionDays: 90 }
const dayMs = 86_400_000

async function examine(dir: string, now = Date.now) {
  const findings = await diagnoseStore({ dir, ...limits }, now)
  return { findings, levels: Object.fromEntries(findings.map(({ what, level }) => [what, level])) }
}

test('a store is examined while another process holds it', async (t) => {
  const dir = await aFolder(t)
  assert.deepEqual((await examine(dir)).levels, { folder: 'ok', disk: 'ok', records: 'ok' })
  const { append } = await openIn(t, dir)
  await append([aRecord(), aRecord()])
  const { findings, levels } = await examine(dir)
  assert.deepEqual(levels, { folder: 'ok', disk: 'ok', records: 'ok' })
  assert.match(
    findings.find(({ what }) => what === 'records')?.found ?? '',
    /^2 since 20.+ of at most 64 MiB and 90 days\.$/,
  )
})

test('records that the disk limit let go before their time, or that were lost, are warnings', async (t) => {
  const dir = await aFolder(t)
  const nowMs = Date.UTC(2026, 10, 21)
  {
    using manifest = openManifest(join(dir, 'manifest.db'))
    const goneBeforeHour = (nowMs - 9 * dayMs) / 3_600_000
    manifest.commit({ facts: { evictedRows: 5, goneBeforeHour, lostRows: 3 } })
  }
  const { findings, levels } = await examine(dir, () => nowMs)
  assert.deepEqual([levels.retention, levels.files], ['warning', 'warning'])
  const retention = findings.find(({ what }) => what === 'retention')
  assert.ok(retention?.level === 'warning')
  assert.equal(retention.found, 'The disk limit let records go after 9.0 days, where 90 are wanted.')
  assert.equal(retention.advice, 'Raise maxBytes to about 640 MiB, or lower retentionDays.')
})

test('a manifest that cannot be read is an error', async (t) => {
  const dir = await aFolder(t)
  writeFileSync(join(dir, 'manifest.db'), 'not a database'.repeat(500))
  assert.equal((await examine(dir)).levels.records, 'error')
})
