import assert from 'node:assert/strict'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Registry } from 'prom-client'
import { scratchFolder } from '../scratch.ts'
import { makeCertificate } from '../services/certificate.ts'
import { until } from '../services/until.ts'
import { samples } from '../sinks/exposition.ts'
import { ask, type GatewayInput, startGateway, startUpstream, toOptions } from './harness.ts'

type Health = NonNullable<NonNullable<GatewayInput['upstreams']>[string]['health']>

const often: Health = { path: '/health', intervalMs: 10, timeoutMs: 1000, healthyAfter: 2, unhealthyAfter: 3 }

function over(urls: readonly string[], health: Health = often): GatewayInput {
  return {
    upstreams: { shop: { targets: urls.map((url) => ({ url })), health } },
    apis: [{ name: 'orders', upstream: 'shop', auth: 'none' }],
  }
}

/** A target that answers requests with its name, and health checks with what the test says. */
async function checked(t: TestContext, name: string) {
  const state = { status: 200, checks: 0, requests: 0, isSilent: false }
  const { url } = await startUpstream(t, ({ url: path }, response) => {
    if (path !== '/health') {
      state.requests++
      return void response.end(name)
    }
    state.checks++
    if (state.isSilent) return
    response.statusCode = state.status
    response.end()
  })
  return { state, url }
}

/** What a scrape shows of a target. */
function watch(registry: Registry) {
  return async (metric: string, target: string, more: Readonly<Record<string, string>> = {}) => {
    const found = samples(await registry.metrics()).find(
      ({ name, labels }) =>
        name === metric &&
        labels.target === target &&
        Object.entries(more).every(([key, value]) => labels[key] === value),
    )
    return found?.value
  }
}

test('a target that fails its health checks gets no requests until it passes them again', async (t) => {
  const [a, b] = [await checked(t, 'a'), await checked(t, 'b')]
  const registry = new Registry()
  const { url } = await startGateway(t, over([a.url, b.url]), { registry })
  const shown = watch(registry)
  const changed = async () => (await shown('penstock_upstream_last_change_timestamp_seconds', a.url)) ?? 0
  assert.equal(await shown('penstock_upstream_up', a.url), 1)
  const before = await changed()

  a.state.status = 503
  await until(async () => (await shown('penstock_upstream_up', a.url)) === 0)
  assert.ok((await changed()) > before, 'when it went down is shown')
  assert.equal(await shown('penstock_upstream_up', b.url), 1)
  const { requests } = a.state
  for (let i = 0; i < 6; i++) assert.equal((await ask(url, '/')).body, 'b')
  assert.equal(a.state.requests, requests)

  a.state.status = 204
  await until(async () => (await shown('penstock_upstream_up', a.url)) === 1)
  const bodies = new Set<string>()
  for (let i = 0; i < 4; i++) bodies.add((await ask(url, '/')).body)
  assert.deepEqual([...bodies].sort(), ['a', 'b'])
  assert.ok(((await shown('penstock_upstream_health_latency_seconds', a.url)) ?? 0) > 0)
  assert.ok(((await shown('penstock_upstream_health_checks_total', a.url, { result: 'failed' })) ?? 0) >= 3)
})

test('answers to requests do not bring back a target that its health checks found down', async (t) => {
  const a = await checked(t, 'a')
  a.state.status = 500
  const registry = new Registry()
  const { url } = await startGateway(t, over([a.url]), { registry })
  const shown = watch(registry)
  await until(async () => (await shown('penstock_upstream_up', a.url)) === 0)
  assert.equal((await ask(url, '/')).body, 'a', 'where every target is down, requests go there all the same')
  assert.equal(await shown('penstock_upstream_up', a.url), 0)
})

test('a check that gets no answer in time fails, and one with an expected status passes', async (t) => {
  const [silent, odd] = [await checked(t, 'silent'), await checked(t, 'odd')]
  silent.state.isSilent = true
  odd.state.status = 418
  const registry = new Registry()
  await startGateway(t, over([silent.url, odd.url], { ...often, timeoutMs: 20, expectStatus: [418] }), { registry })
  const shown = watch(registry)
  await until(async () => (await shown('penstock_upstream_up', silent.url)) === 0)
  // A loaded machine may be late for an answer within 20 ms, but not again and again.
  await until(async () => ((await shown('penstock_upstream_health_checks_total', odd.url, { result: 'ok' })) ?? 0) > 0)
})

test('a target that a reload takes away is asked no more', async (t) => {
  const [a, b] = [await checked(t, 'a'), await checked(t, 'b')]
  const { gateway, url } = await startGateway(t, over([a.url]))
  await until(() => a.state.checks > 0)
  gateway.reload(toOptions(over([b.url])))
  await until(() => b.state.checks > 0)
  await ask(url, '/')
  let seen = -1
  await until(
    () => {
      const isStill = seen === a.state.checks
      seen = a.state.checks
      return isStill && b.state.checks > 5
    },
    { everyMs: 100 },
  )
})

test('the metrics say when the certificate in use expires, and whether files could not be taken', async (t) => {
  const folder = await scratchFolder(t)
  const [first, second] = [await makeCertificate(join(folder, 'a')), await makeCertificate(join(folder, 'b'))]
  const registry = new Registry()
  const { certificateFile, keyFile } = first
  const listen = [{ port: 0, tls: { certificateFile, keyFile } }]
  const { gateway } = await startGateway(t, { listen }, { registry })
  const shown = async (metric: string) => samples(await registry.metrics()).find(({ name }) => name === metric)
  const isFresh = async () => (await shown('penstock_config_last_reload_successful'))?.value
  const expires = await shown('penstock_certificate_expires_timestamp_seconds')
  assert.equal(expires?.labels.file, certificateFile)
  const inDays = ((expires?.value ?? 0) - Date.now() / 1000) / 86_400
  assert.ok(inDays > 1.9 && inDays <= 2, `${inDays} days`)

  assert.equal(await isFresh(), 1)
  await copyFile(second.keyFile, keyFile)
  await until(async () => (await isFresh()) === 0)
  await copyFile(second.certificateFile, certificateFile)
  await until(async () => (await isFresh()) === 1)

  gateway.reloadFailed()
  assert.equal(await isFresh(), 0)
  gateway.reload(toOptions({ listen, timeouts: { shutdownMs: 100 } }))
  assert.equal(await isFresh(), 1, 'what is in use is what the file says again')
})

test('every outcome is shown from the start, so that the first failure is seen', async (t) => {
  const registry = new Registry()
  await startGateway(t, {}, { registry })
  const shown = samples(await registry.metrics()).filter(({ name }) => name === 'penstock_gateway_requests_total')
  assert.ok(shown.some(({ labels, value }) => labels.outcome === 'upstream_timeout' && value === 0))
})
