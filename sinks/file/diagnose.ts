import { examineFolder } from '../../runtime/examine-folder.ts'
import { type Finding, fine, warning } from '../../runtime/finding.ts'
import type { FileOptions } from './options.ts'

/** Examines the folder that the files go to, and whether they will ever leave it. */
export async function diagnoseFile(folder: string, { rotate, keep, fsync }: FileOptions): Promise<readonly Finding[]> {
  const findings: Finding[] = [
    ...(await examineFolder(folder, { growthBytes: rotate.bytes, limit: 'rotate.bytes', holds: 'files' })),
  ]
  if (keep.files === undefined && keep.days === undefined)
    findings.push(
      warning(
        'retention',
        'No complete file is ever removed: one day the disk is full.',
        'Set keep.days or keep.files, unless something else takes the files away.',
      ),
    )
  else findings.push(fine('retention', `Complete files are kept ${keepText(keep)}.`))
  if (!fsync)
    findings.push(
      warning('fsync', 'A power cut may lose records that count as delivered.', 'Set fsync to true, the default.'),
    )
  return findings
}

function keepText({ files, days }: FileOptions['keep']): string {
  const limits = [
    ...(days === undefined ? [] : [`${days} days`]),
    ...(files === undefined ? [] : [`up to ${files} of each shard`]),
  ]
  return limits.join(', ')
}
