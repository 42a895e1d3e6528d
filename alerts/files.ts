import { alertingGroups } from './alerting.ts'
import { alertGroups, type Installation } from './alerts.ts'
import { toGrafanaFile } from './grafana.ts'
import { toRuleFile } from './prometheus.ts'
import { recordingGroups } from './recording.ts'
import { toRunbookIndex, toRunbookPage } from './runbook.ts'

export const formats = ['prometheus', 'grafana'] as const
export type Format = (typeof formats)[number]

export interface FileOptions {
  readonly format: Format
  /** The Prometheus that Grafana asks, by its uid there. */
  readonly datasourceUid: string
}

/** Every rule of an installation, as files by name. */
export function ruleFiles(installation: Installation, { format, datasourceUid }: FileOptions): Record<string, string> {
  const alerting = alertingGroups(installation)
  if (format === 'grafana') return { 'penstock-alerting.yml': toGrafanaFile(alerting, datasourceUid) }
  return {
    'penstock-recording.yml': toRuleFile(recordingGroups(installation.options)),
    'penstock-alerts.yml': toRuleFile(alerting),
  }
}

/** The page of each alert and the list of them, by file name. */
export function runbookPages(installation: Installation): Record<string, string> {
  const groups = alertGroups(installation)
  const pages = Object.values(groups)
    .flat()
    .map((alert) => [`${alert.name}.md`, toRunbookPage(alert)])
  return { 'README.md': toRunbookIndex(groups), ...Object.fromEntries(pages) }
}
