import type { Registry } from 'prom-client'
import type { Keyring } from '../../keys/keys.ts'
import { keyMetrics } from '../../metrics/gateway.ts'
import { toCounter, toGauge } from '../../metrics/metric.ts'

/** 100: consumers whose keys are told of. Whoever has more keys that expire within the month looks at the list of keys. */
const consumersMax = 100

/** Shows in `registry` which keys expire soon, and who uses dead ones. */
export function registerKeyMetrics(keyring: Pick<Keyring, 'expiring' | 'deadUses'>, registry: Registry): void {
  toGauge(keyMetrics.expires, registry, (gauge) => {
    gauge.reset()
    for (const { consumer, id, expiresAtMs } of keyring.expiring(consumersMax))
      gauge.set({ consumer, key: id }, expiresAtMs / 1000)
  })
  toCounter(keyMetrics.deadUses, registry, (counter) => {
    counter.reset()
    for (const { consumer, reason, count } of keyring.deadUses()) counter.inc({ consumer, reason }, count)
  })
}
