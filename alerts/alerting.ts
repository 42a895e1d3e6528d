import { observed, rate, series, sum, topk } from '../metrics/promql.ts'
import { recordMetrics } from '../metrics/records.ts'
import type { AlertDefinition, DashboardLink } from './alert.ts'
import { alertGroups, type Installation } from './alerts.ts'
import type { AlertOptions } from './options.ts'
import type { AlertingRule, RuleGroup } from './rule.ts'

/** Stands for the alert's own api until the alert fires. */
const api = 'API'
const { failedRequests, requests, requestDuration, consumerRequests } = recordMetrics

const byEndpoint = {
  failed: sum(rate(series(failedRequests, { api }), '5m'), 'endpoint'),
  slow: sum(rate(observed('sum', requestDuration, { api }), '5m'), 'endpoint'),
  refused: sum(rate(series(requests, { api, status_class: '4xx' }), '5m'), 'endpoint'),
  requests: sum(rate(series(requests, { api }), '5m'), 'endpoint'),
}
const ofConsumers = sum(rate(series(consumerRequests, { api }), '5m'), 'consumer')
const byConsumer = {
  failed: sum(rate(series(consumerRequests, { api, status_class: '5xx' }), '5m'), 'consumer'),
  slow: ofConsumers,
  refused: ofConsumers,
  requests: ofConsumers,
}

/** A template that asks Prometheus, when the alert fires, which label value has most of it. */
function greatest(expr: Parameters<typeof topk>[1], label: string): string {
  const query = topk(1, expr).text.replaceAll(JSON.stringify(api), '%q')
  return `{{ with printf \`${query}\` $labels.api | query }}{{ . | first | label "${label}" }}{{ end }}`
}

/** The alerts of an installation as rules. */
export function alertingGroups(installation: Installation): RuleGroup<AlertingRule>[] {
  return Object.entries(alertGroups(installation)).map(([name, alerts]) => ({
    name: `penstock-${name}`,
    interval: '30s', // a spike is told within two minutes: rates of 5m move at once, and alerts wait for one minute
    rules: alerts.map((alert) => toAlertingRule(alert, installation.options)),
  }))
}

function toAlertingRule(alert: AlertDefinition, options: AlertOptions): AlertingRule {
  const { name, severity, source, limits, expr, worst } = alert
  const team = source === 'records' ? teamTemplate(options) : ''
  return {
    alert: name,
    expr: expr(limits).text,
    for: alert.for,
    labels: { severity, source, ...(team ? { team } : {}) },
    annotations: {
      summary: alert.summary,
      description: alert.description,
      ...(worst ? { endpoint: greatest(byEndpoint[worst], 'endpoint') } : {}),
      ...(worst && worst !== 'refused' ? { consumer: greatest(byConsumer[worst], 'consumer') } : {}),
      steps: alert.runbook.steps
        .slice(0, 3)
        .map((step, i) => `${i + 1}. ${step}`)
        .join('\n'),
      dashboard_url: `${options.dashboardUrl.replace(/\/$/, '')}${dashboardPath(alert.dashboard)}`,
      runbook_url: `${options.runbookUrl.replace(/\/$/, '')}/${name}.md`,
    },
  }
}

function dashboardPath({ uid, variables = {} }: DashboardLink): string {
  const query = Object.entries(variables).map(
    ([variable, label]) => `var-${variable}={{ $labels.${label} | urlquery }}`,
  )
  return `/d/${uid}${query.length > 0 ? `?${query.join('&')}` : ''}`
}

/** The team that owns the alert's api; no label where nobody said so. */
function teamTemplate({ apis }: AlertOptions): string {
  const byTeam = new Map<string, string[]>()
  for (const [name, { team }] of Object.entries(apis)) {
    if (team !== undefined) byTeam.set(team, [...(byTeam.get(team) ?? []), name])
  }
  const cases = [...byTeam].map(
    ([team, names]) => `if eq $labels.api ${names.map(quoted).join(' ')} }}{{ ${quoted(team)} }}`,
  )
  return cases.length > 0 ? `{{ ${cases.join('{{ else ')}{{ end }}` : ''
}

const quoted = (text: string) => JSON.stringify(text)
