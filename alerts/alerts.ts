import type { AlertDefinition } from './alert.ts'
import { consumerAlerts } from './consumer.ts'
import { gatewayAlerts } from './gateway.ts'
import type { AlertOptions } from './options.ts'
import { pumpAlerts } from './pump.ts'
import { scrapeAlerts } from './scrape.ts'
import { sloAlerts } from './slo.ts'
import { trafficAlerts } from './traffic.ts'

/** What an installation says about itself. */
export interface Installation {
  readonly options: AlertOptions
  /** Name of the sink of type prometheus. */
  readonly prometheusSink: string
}

/** Every alert there is, by group. */
export function alertGroups({ options, prometheusSink }: Installation): Readonly<Record<string, AlertDefinition[]>> {
  return {
    slo: sloAlerts,
    traffic: trafficAlerts,
    consumers: consumerAlerts,
    gateway: gatewayAlerts,
    pump: pumpAlerts(options, prometheusSink),
    scrape: scrapeAlerts(options),
  }
}
