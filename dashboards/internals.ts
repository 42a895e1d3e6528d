import * as units from '@grafana/grafana-foundation-sdk/units'
import { processMetrics } from '../metrics/process.ts'
import { max, rate, series } from '../metrics/promql.ts'
import { finish } from './finish.ts'
import { gatewayRow } from './gateway-row.ts'
import { limitRow } from './limit-row.ts'
import { linksFrom } from './link.ts'
import { timeSeries } from './panel.ts'
import { noProcesses, processTable } from './process.ts'
import { pumpRow } from './pump-row.ts'
import { chosen, line } from './query.ts'
import { topLines } from './table.ts'

const link = linksFrom('internals')
const here = chosen('instance')
const onlyInstance = link('internals', 'Only this instance', { instance: 'instance' })

const cpu = timeSeries({
  title: 'CPU',
  about: {
    shows: 'CPU time per second of each process, all of its threads; the ten with the most. 100 % is one core.',
    normal: 'In step with the traffic.',
    act: 'Near the limit of the machine or container: more gateways, or more pumps.',
  },
  ...{ unit: units.PercentUnit, noValue: noProcesses },
  links: [onlyInstance],
  queries: [line(topLines(max(rate(series(processMetrics.cpu, here)), 'instance')), { legend: ['instance'] })],
})

const loop = timeSeries({
  title: 'Main thread at work',
  about: {
    shows: 'How much of the time each process’ main thread is busy; the ten busiest.',
    normal: 'Below 70 %.',
    act: 'Near 100 % the process cannot do more, and requests wait for each other: more gateways.',
  },
  ...{ unit: units.PercentUnit, max: 1, noValue: noProcesses },
  thresholds: [[0.9, 'red']],
  links: [onlyInstance],
  queries: [line(topLines(max(rate(series(processMetrics.loopActive, here)), 'instance')), { legend: ['instance'] })],
})

const memory = timeSeries({
  title: 'Memory',
  about: {
    shows: 'Memory of each process that is in RAM; the ten with the most.',
    normal: 'Level after the first minutes.',
    act: 'Growing for hours: report it, with the version and the sinks in use.',
  },
  ...{ unit: units.BytesIEC, noValue: noProcesses },
  links: [onlyInstance],
  queries: [line(topLines(max(series(processMetrics.residentMemory, here), 'instance')), { legend: ['instance'] })],
})

export const internals = finish({
  place: 'internals',
  description: 'How Penstock itself fares: the gateways’ way into the log, the pump’s sinks, and the processes.',
  ...{ from: 'now-3h', refresh: '30s' },
  rows: [
    pumpRow,
    limitRow,
    gatewayRow,
    { title: 'Processes', panels: [cpu, loop, memory, processTable([onlyInstance])] },
  ],
})
