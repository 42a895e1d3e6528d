import type { Finding } from '../../runtime/finding.ts'
import { noLog } from '../../runtime/log.ts'
import type { SinkDefinition } from '../../sinks/sink.ts'
import { patience } from './delivery.ts'

export interface Found {
  /** The worst that was found of each thing. */
  readonly levels: Readonly<Record<string, Finding['level']>>
  readonly findings: readonly Finding[]
  /** Found and advice of the first that is no more than fine. */
  of(what: string): { readonly found: string; readonly advice: string }
}

/** What the sink's own examination says, with options as a config file has them. */
export async function examine(
  { diagnose, options: type }: SinkDefinition,
  options: Readonly<Record<string, unknown>>,
  dataDir = '',
): Promise<Found> {
  const findings = (await diagnose?.(type.parse(options), { name: 'sink', log: noLog, dataDir }, patience())) ?? []
  return {
    levels: Object.fromEntries(findings.map(({ what, level }) => [what, level])),
    findings,
    of(what) {
      const found = findings.find((one) => one.what === what && one.level !== 'ok')
      if (!found || found.level === 'ok') throw new Error(`Nothing is wrong with ${what}: ${JSON.stringify(findings)}`)
      return found
    },
  }
}
