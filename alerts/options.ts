import * as z from 'zod'

/** A share that is written in percent, so that three nines look like three nines. */
const percent = z.number().gt(0).lt(100)
const seconds = z.number().positive()

const promiseOptions = {
  availability: percent.describe('Requests that must not fail, percent'),
  latency: percent.describe('Answers that must come within `latencySeconds`, percent'),
  latencySeconds: seconds.describe(
    'Time within which answers come, seconds; one of the bounds of the prometheus sink’s duration histograms',
  ),
}

const apiOptions = z
  .strictObject({
    team: z.string().min(1).describe('Team that owns it: its alerts carry this as a label, for routing'),
    requestsPerSecond: z.number().positive().describe('Requests a second that it is built for; an alert comes at 90 %'),
    ...promiseOptions,
  })
  .partial()

const shape = z.strictObject({
  slo: z
    .strictObject({
      windowDays: z.int().min(7).max(90).default(30).describe('Time over which what may fail is counted, days'),
      availability: promiseOptions.availability.default(99.9),
      latency: promiseOptions.latency.default(99),
      latencySeconds: promiseOptions.latencySeconds.default(1),
    })
    .prefault({})
    .describe('What is promised of every API that does not say otherwise'),
  apis: z.record(z.string().min(1), apiOptions).default({}).describe('APIs by name, where they differ'),
  jobs: z
    .strictObject({
      gateway: z.string().min(1).default('penstock-gateway').describe('Job that scrapes the gateways'),
      pump: z.string().min(1).default('penstock-pump').describe('Job that scrapes the pumps'),
    })
    .prefault({})
    .describe('Jobs as prometheus.yml names them'),
  pumpLagSeconds: seconds
    .default(60)
    .describe('Age of the oldest record not yet counted from which the metrics are not to be trusted, seconds'),
  dashboardUrl: z
    .url()
    .default('http://localhost:3000')
    .describe('Address of Grafana, for the links of alerts to dashboards'),
  runbookUrl: z
    .url()
    .default('https://github.com/penstock/penstock/blob/main/docs/runbooks')
    .describe('Where the runbook pages are found, for the links of alerts'),
})

/** What alerts are told. */
export const alertOptions = shape

export type AlertOptions = z.output<typeof shape>

/** What is promised of an api. */
export interface Terms {
  readonly availability: number
  readonly latency: number
  readonly latencySeconds: number
}

/** The promise that an api has: its own, and of what it does not say the general one. */
export function termsOf({ slo, apis }: AlertOptions, api: string): Terms {
  const own = apis[api]
  return {
    availability: own?.availability ?? slo.availability,
    latency: own?.latency ?? slo.latency,
    latencySeconds: own?.latencySeconds ?? slo.latencySeconds,
  }
}

/** Apis and what is promised of them that no histogram bound of the sink can tell. */
export function untoldBounds(options: AlertOptions, bounds: readonly number[]): { path: string[]; bound: number }[] {
  const wrong: { path: string[]; bound: number }[] = []
  if (!bounds.includes(options.slo.latencySeconds))
    wrong.push({ path: ['slo', 'latencySeconds'], bound: options.slo.latencySeconds })
  for (const [name, { latencySeconds }] of Object.entries(options.apis))
    if (latencySeconds !== undefined && !bounds.includes(latencySeconds))
      wrong.push({ path: ['apis', name, 'latencySeconds'], bound: latencySeconds })
  return wrong
}
