import { stringify } from 'yaml'
import type { AlertingRule, RuleGroup } from './rule.ts'

const head = `# Made by \`penstock alerts generate --format grafana\`; changes are lost at the next run.
# The rules read what Prometheus records: its recording rules are needed beside them.
`

/** How far back a query may look: an instant query needs no more than Prometheus itself looks back. */
const lookBackSeconds = 600

/** A provisioning file of Grafana-managed alerts, over a Prometheus data source with this uid. */
export function toGrafanaFile(groups: readonly RuleGroup<AlertingRule>[], datasourceUid: string): string {
  const provisioned = groups.map(({ name, interval, rules }) => ({
    orgId: 1,
    name,
    folder: 'Penstock',
    interval,
    rules: rules.map((rule) => toGrafanaRule(rule, datasourceUid)),
  }))
  return head + stringify({ apiVersion: 1, groups: provisioned }, { lineWidth: 0, aliasDuplicateObjects: false })
}

function toGrafanaRule({ alert, expr, labels, annotations, ...rule }: AlertingRule, datasourceUid: string) {
  return {
    uid: toUid(alert),
    title: alert,
    condition: 'firing',
    data: [
      query('value', datasourceUid, { expr, instant: true, range: false, intervalMs: 1000, maxDataPoints: 43_200 }),
      // The expression yields what fires, whatever its value: zero is as good as ten.
      expression('any', { type: 'math', expression: 'is_number($value) || is_nan($value) || is_inf($value)' }),
      expression('firing', {
        type: 'threshold',
        expression: 'any',
        conditions: [{ evaluator: { type: 'gt', params: [0] } }],
      }),
    ],
    noDataState: 'OK', // nothing fires
    execErrState: 'Error',
    for: rule.for,
    labels,
    annotations: Object.fromEntries(
      Object.entries(annotations)
        .filter(([, text]) => !text.includes('| query')) // Grafana's templates cannot ask
        .map(([key, text]) => [key, text.replaceAll('$value', '$values.value.Value')]),
    ),
    isPaused: false,
  }
}

function query(refId: string, datasourceUid: string, model: object) {
  return { refId, relativeTimeRange: { from: lookBackSeconds, to: 0 }, datasourceUid, model: { ...model, refId } }
}

function expression(refId: string, model: object) {
  return query(refId, '__expr__', { ...model, datasource: { type: '__expr__', uid: '__expr__' } })
}

/** Stays the same for ever: what people silenced stays silenced. */
function toUid(name: string): string {
  return name
    .replace(/([a-z])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .slice(0, 40) // Grafana takes no longer one
}
