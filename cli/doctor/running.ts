import type { Config } from '../../config/config.ts'
import { gatewayMetrics, recorderMetrics } from '../../metrics/gateway.ts'
import { recordMetrics } from '../../metrics/records.ts'
import type { DeliveryStatus } from '../../pump/board.ts'
import { type Finding, fault, fine, warning } from '../../runtime/finding.ts'
import type { Sample } from '../../runtime/metrics-text.ts'
import { adminUrl, askMetrics, askReadiness } from '../admin.ts'
import { BackendError } from '../command.ts'

/** What the pump that runs says about its sinks. */
export async function examinePump({ pump }: Config, signal: AbortSignal): Promise<readonly Finding[]> {
  return await examineRunning('pump', pump.admin, signal, async (url, { status, buffer, sinks }) => {
    const findings = (sinks as readonly DeliveryStatus[]).flatMap(examineDelivery) // as the pump's health has them
    if (buffer !== 'reachable')
      findings.unshift(fault('buffer', 'The pump does not reach it.', 'See below what is wrong with it.'))
    else if (status !== 'ok')
      findings.unshift(fault('pump', 'It runs, and one of its loops is stuck.', 'Restart it, and report its log.'))
    else findings.unshift(fine('pump', 'It runs and is ready.'))
    return [...findings, ...examineSeries(await askMetrics(url, signal))]
  })
}

/** What the gateway that runs says about its records and upstreams. */
export async function examineGateway({ gateway }: Config, signal: AbortSignal): Promise<readonly Finding[]> {
  return await examineRunning('gateway', gateway.admin, signal, async (url) => {
    const samples = await askMetrics(url, signal)
    return [fine('gateway', 'It runs.'), ...examineRecords(samples), ...examineUpstreams(samples)]
  })
}

async function examineRunning(
  what: string,
  admin: Config['pump']['admin'],
  signal: AbortSignal,
  examine: (url: string, readiness: Readonly<Record<string, unknown>>) => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  const url = adminUrl(admin)
  if (url === undefined)
    return [fine(what, 'It cannot be asked: its admin port is one by chance. Give it a number to have it asked.')]
  try {
    return await examine(url, await askReadiness(url, signal))
  } catch (error) {
    if (!(error instanceof BackendError)) throw error
    return [warning(what, error.message, 'Start it with penstock start, unless it is not meant to run now.')]
  }
}

function examineDelivery({ sink, shard, state, reason = '' }: DeliveryStatus): Finding[] {
  const what = shard === '0' ? sink : `${sink} ${shard}`
  if (state === 'halted')
    return [
      fault(what, `It is halted: ${reason}`, 'Mend that; it is tried again each half minute and goes on by itself.'),
    ]
  if (state === 'retrying') return [warning(what, `It is retrying: ${reason}`, 'See below what is wrong with it.')]
  return []
}

/** Of a budget: above, what comes new is soon counted together with others. */
const fullSeries = 0.9

function examineSeries(samples: readonly Sample[]): Finding[] {
  const { series, seriesBudget } = recordMetrics
  const used = samples.filter(({ name }) => name === series.name)
  return used.flatMap(({ labels, value }) => {
    const budget = samples.find((one) => one.name === seriesBudget.name && isSame(one.labels, labels))?.value ?? 0
    if (value < budget * fullSeries) return []
    const found = `${value.toLocaleString('en')} of ${budget.toLocaleString('en')} series for ${labels.group} are in use.`
    return [warning('series', found, 'Raise maxSeries of the prometheus sink: what is new is counted under __other__.')]
  })
}

function isSame(a: Sample['labels'], b: Sample['labels']): boolean {
  return Object.keys(a).every((name) => a[name] === b[name])
}

function examineRecords(samples: readonly Sample[]): Finding[] {
  return samples
    .filter(({ name, value }) => name === recorderMetrics.refused.name && value > 0)
    .map(({ labels, value }) =>
      warning(
        'records',
        `${value.toLocaleString('en')} records were refused and are lost since its start, because of ${labels.reason}.`,
        labels.reason === 'ring_full'
          ? 'See above whether the disk is full or slow; a larger gateway.ringBytes bridges moments.'
          : 'Its log says more.',
      ),
    )
}

function examineUpstreams(samples: readonly Sample[]): Finding[] {
  return samples
    .filter(({ name, value }) => name === gatewayMetrics.upstreamUp.name && value === 0)
    .map(({ labels }) =>
      warning(
        'upstream',
        `${labels.target} of ${labels.upstream} is skipped after failures.`,
        'See whether it is up; it is tried again by itself.',
      ),
    )
}
