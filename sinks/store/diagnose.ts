import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { examineFolder } from '../../runtime/examine-folder.ts'
import { type Finding, failure, fine, warning } from '../../runtime/finding.ts'
import { bytesText } from '../../runtime/quantity.ts'
import { manifestName } from './folder.ts'
import { type Manifest, openManifest } from './manifest.ts'

export interface Examined {
  readonly dir: string
  readonly maxBytes: number
  readonly retentionDays: number
}

/** Examines the store's folder and its manifest, beside the process that holds it. */
export async function diagnoseStore(
  { dir, maxBytes, retentionDays }: Examined,
  now = Date.now,
): Promise<readonly Finding[]> {
  const { findings, heldBytes } = examineManifest({ dir, maxBytes, retentionDays }, now)
  const folder = await examineFolder(dir, {
    files: ['', '-wal', '-shm'].map((ending) => manifestName + ending),
    growthBytes: Math.max(0, maxBytes - heldBytes),
    limit: 'maxBytes',
    holds: 'database',
  })
  return [...folder, ...findings]
}

function examineManifest({ dir, maxBytes, retentionDays }: Examined, now: () => number) {
  const path = join(dir, manifestName)
  if (!existsSync(path)) return { findings: [fine('records', 'There are none yet.')], heldBytes: 0 }
  try {
    using manifest = openManifest(path, { as: 'guest' })
    const { bytes, rows, oldestMs } = manifest.totals()
    const since = oldestMs === undefined ? '' : ` since ${new Date(oldestMs).toISOString()}`
    const limits = `of at most ${bytesText(maxBytes)} and ${retentionDays} days`
    const held = fine('records', `${rows.toLocaleString('en')}${since} take ${bytesText(bytes)} ${limits}.`)
    return { findings: [held, ...lossesOf(manifest, { maxBytes, retentionDays }, now)], heldBytes: bytes }
  } catch (error) {
    const advice = 'Run this as the user that Penstock runs as; or restore the folder from a backup.'
    return { findings: [failure('records', error, advice)], heldBytes: 0 }
  }
}

const dayMs = 86_400_000

function lossesOf(
  { facts }: Manifest,
  { maxBytes, retentionDays }: Omit<Examined, 'dir'>,
  now: () => number,
): Finding[] {
  const { evictedRows, goneBeforeHour, lostRows } = facts
  const findings: Finding[] = []
  const keptDays = (now() - goneBeforeHour * 3_600_000) / dayMs
  if (evictedRows > 0 && keptDays < retentionDays)
    findings.push(
      warning(
        'retention',
        `The disk limit let records go after ${keptDays.toFixed(1)} days, where ${retentionDays} are wanted.`,
        `Raise maxBytes to about ${bytesText(maxBytes * (retentionDays / Math.max(keptDays, 1 / 24)))}, or lower retentionDays.`,
      ),
    )
  if (lostRows > 0)
    findings.push(
      warning(
        'files',
        `${lostRows.toLocaleString('en')} records were lost with files that somebody removed.`,
        'Let nothing else write to the folder.',
      ),
    )
  return findings
}
