import type { AnnotationQuery } from '@grafana/grafana-foundation-sdk/dashboard'
import { gatewayMetrics } from '../metrics/gateway.ts'
import { processMetrics } from '../metrics/process.ts'
import { count, type Expr, increase, offset, selector, series, sum, unless, where } from '../metrics/promql.ts'
import { datasources } from './query.ts'

interface Marks<L extends string> {
  readonly name: string
  /** It has a value where there is something to mark. */
  readonly expr: Expr<L>
  readonly title: string
  readonly text: string
  readonly tags: readonly NoInfer<L>[]
  readonly color: string
}

function marks<L extends string>({ name, expr, title, text, tags, color }: Marks<L>): AnnotationQuery {
  return {
    name,
    datasource: datasources.prometheus,
    enable: true,
    hide: false,
    iconColor: color,
    expr: expr.text,
    step: '60s', // a deployment is seen to the minute
    titleFormat: title,
    textFormat: text,
    tagKeys: tags.join(','),
  }
}

const versions = series(processMetrics.buildInfo)
const versionsBefore = offset(versions, '2m')

const firing = selector('ALERTS', ['alertname', 'alertstate', 'severity'], {
  alertname: ['=~', 'Penstock.*'],
  alertstate: 'firing',
})

/** What happened: every dashboard over Prometheus shows it. */
export const annotations: readonly AnnotationQuery[] = [
  marks({
    name: 'Versions',
    expr: unless(count(versions, 'version', 'role'), count(versionsBefore, 'version', 'role')),
    title: '{{role}} {{version}}',
    text: 'The first {{role}} of version {{version}} runs',
    tags: ['role', 'version'],
    color: 'blue',
  }),
  marks({
    name: 'Configuration',
    expr: where(sum(increase(series(gatewayMetrics.configReloads)), 'result', 'instance'), '>', 0),
    title: 'Configuration: {{result}}',
    text: 'The gateway {{instance}} took a changed configuration, or could not',
    tags: ['result', 'instance'],
    color: 'purple',
  }),
  marks({
    name: 'Alerts',
    expr: count(firing, 'alertname', 'severity'),
    title: '{{alertname}}',
    text: '{{severity}}: {{alertname}} fires',
    tags: ['alertname', 'severity'],
    color: 'red',
  }),
]
