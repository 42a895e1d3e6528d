import type { AlertDefinition } from './alert.ts'

const severities = { page: 'a page: somebody is woken', ticket: 'a ticket: it can wait for the morning' }

const sources = {
  records: 'what the pump made of records; inhibited while the pump lags or is down',
  gateway: 'the gateway’s own metrics; inhibited where that gateway cannot be scraped',
  'gateway-traffic': 'the gateway’s own metrics; nothing inhibits it',
  pump: 'the pump’s own metrics; inhibited while no pump can be scraped',
  'pump-lag': 'the pump’s own metrics; nothing inhibits it',
  scrape: 'Prometheus’ view of its targets',
} satisfies Record<AlertDefinition['source'], string>

/** The page about an alert. */
export function toRunbookPage({ name, severity, source, limits, expr, summary, runbook, ...rest }: AlertDefinition) {
  const { means, command, steps, causes } = runbook
  return [
    `# ${name}`,
    '',
    `> ${summary.replace(/{{ with \$labels\.(\w+) }}.*?{{ else }}(.*?){{ end }}/g, '$2').replace(/{{ \$labels\.(\w+) }}/g, '*$1*')}`,
    '',
    `It is ${severities[severity]}. It fires when its condition has held for ${rest.for}, from ${sources[source]}.`,
    '',
    '## What it means',
    '',
    means,
    '',
    '## How to confirm',
    '',
    'In Prometheus:',
    '',
    '```promql',
    expr(limits).text,
    '```',
    '',
    'On the command line:',
    '',
    '```sh',
    command,
    '```',
    '',
    '## What to do',
    '',
    ...steps.map((step, i) => `${i + 1}. ${step}`),
    '',
    '## What usually caused it',
    '',
    ...causes.map((cause) => `- ${cause}`),
  ].join('\n')
}

/** The list of all pages. */
export function toRunbookIndex(groups: Readonly<Record<string, readonly AlertDefinition[]>>): string {
  const lines = ['# Runbooks', '', 'One page for each alert.', '']
  for (const [group, alerts] of Object.entries(groups)) {
    lines.push(`## ${group}`, '', '| alert | severity | says |', '| --- | --- | --- |')
    for (const { name, severity, runbook } of alerts)
      lines.push(`| [${name}](${name}.md) | ${severity} | ${runbook.means} |`)
    lines.push('')
  }
  return lines.join('\n')
}
