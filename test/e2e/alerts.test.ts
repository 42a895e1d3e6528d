import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../services/until.ts'
import { type Alerted, openAlerted, type Posted } from './alerted.ts'

const spike = 'PenstockErrorRateSpike'
const timeoutMs = 90_000 // 15 s each where nothing else runs

test('a failing upstream pages its team, a lagging pump inhibits that, and recovery is told', async (t) => {
  const alerted = await openAlerted(t)
  try {
    await until(async () => (await alerted.prometheus.query('penstock:requests:rate5m{api="orders"} > 1')).length > 0, {
      what: 'the rules to record traffic',
      timeoutMs,
      everyMs: 200,
    })
    assert.deepEqual(posts(alerted, 'firing'), [])

    alerted.upstreamFails = true
    await until(() => posts(alerted, 'firing').length > 0, { what: 'the page', timeoutMs, everyMs: 200 })
    assertPage(posts(alerted, 'firing')[0])
    await until(() => alerted.chat.some((text) => text.includes('suddenly fails')), { what: 'the message', timeoutMs })
    const message = alerted.chat.find((text) => text.includes('suddenly fails')) ?? ''
    for (const part of ['API: orders', 'Endpoint: GET /orders/{id}', 'Consumer: acme', '\n1. ', '\n2. ', '\n3. '])
      assert.ok(message.includes(part), `${part} in:\n${message}`)

    await alerted.delay(15_000) // counted in bursts: in between the oldest waits for longer than the 4 s that are allowed
    await until(() => isInhibited(alerted), { what: 'the lag to inhibit the page', timeoutMs, everyMs: 200 })

    alerted.upstreamFails = false
    await alerted.delay(200)
    await until(() => posts(alerted, 'resolved').length > 0, { what: 'the resolution', timeoutMs, everyMs: 200 })
  } catch (error) {
    console.error(alerted.output())
    throw error
  }
})

function posts({ posted }: Alerted, status: Posted['status']): Posted[] {
  return posted.filter((one) => one.status === status && one.labels.alertname === spike)
}

function assertPage(page: Posted | undefined): void {
  const { alertname, api, severity, source, team } = page?.labels ?? {}
  assert.deepEqual(
    { alertname, api, severity, source, team },
    { alertname: spike, api: 'orders', severity: 'page', source: 'records', team: 'shop' },
  )
  const { endpoint, consumer, description, dashboard_url, runbook_url } = page?.annotations ?? {}
  assert.equal(endpoint, 'GET /orders/{id}')
  assert.equal(consumer, 'acme')
  assert.match(description ?? '', /^\d+(\.\d+)?% of the requests to orders failed/)
  assert.match(dashboard_url ?? '', /\/d\/penstock-api\?var-api=orders$/)
  assert.match(runbook_url ?? '', /\/PenstockErrorRateSpike\.md$/)
}

/** Whether the lag keeps the spike from being told, while nothing does so to the lag and to what gateways count themselves. */
async function isInhibited({ alertmanager }: Alerted): Promise<boolean> {
  const alerts = await alertmanager.alerts()
  const find = (name: string) => alerts.find(({ labels }) => labels.alertname === name)
  const [lag, gateway] = [find('PenstockPumpLag'), find('PenstockGatewayErrorRateHigh')]
  const inhibitedBy = find(spike)?.status.inhibitedBy ?? []
  if (!lag || !gateway || !inhibitedBy.includes(lag.fingerprint)) return false
  assert.deepEqual([lag.status.inhibitedBy, gateway.status.inhibitedBy], [[], []])
  return true
}
