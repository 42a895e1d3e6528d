import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Rule } from '../../gateway/limit.ts'
import type { RateLimitOptions } from '../../gateway/limit-options.ts'
import { LocalLimiter } from '../../gateway/local-limiter.ts'
import { ask, openApi, startGateway, startUpstream } from './harness.ts'

const tenASecond: RateLimitOptions = { requests: 10, per: 'second', by: 'consumer' }

function takeMany(limiter: LocalLimiter, rules: readonly Rule[], who: string, times: number, nowMs: number): boolean[] {
  return Array.from({ length: times }, () => limiter.take(rules, who, nowMs).isAllowed)
}

test('a burst passes up to the limit, then one request per interval', () => {
  const limiter = new LocalLimiter()
  const rules = [limiter.rule('r', tenASecond)]
  assert.deepEqual(takeMany(limiter, rules, 'a', 12, 0), [...Array(10).fill(true), false, false])
  assert.equal(limiter.take(rules, 'a', 99).isAllowed, false)
  assert.equal(limiter.take(rules, 'a', 100).isAllowed, true)
  assert.equal(limiter.take(rules, 'a', 100).isAllowed, false)
  assert.deepEqual(takeMany(limiter, rules, 'a', 11, 5000), [...Array(10).fill(true), false])
})

test('a refused request is not counted, so hammering does not prolong the wait', () => {
  const limiter = new LocalLimiter()
  const rules = [limiter.rule('r', tenASecond)]
  takeMany(limiter, rules, 'a', 10, 0)
  for (let nowMs = 0; nowMs < 100; nowMs++) assert.equal(limiter.take(rules, 'a', nowMs).isAllowed, false)
  assert.equal(limiter.take(rules, 'a', 100).isAllowed, true)
})

test('the verdict says what is left, when it is full again and when to come again', () => {
  const limiter = new LocalLimiter()
  const rules = [limiter.rule('r', { requests: 60, per: 'minute', burst: 2, by: 'consumer' })]
  assert.deepEqual(limiter.take(rules, 'a', 0), {
    isAllowed: true,
    limit: 2,
    remaining: 1,
    resetMs: 1000,
    retryAfterMs: 0,
  })
  assert.deepEqual(limiter.take(rules, 'a', 0), {
    isAllowed: true,
    limit: 2,
    remaining: 0,
    resetMs: 2000,
    retryAfterMs: 0,
  })
  assert.deepEqual(limiter.take(rules, 'a', 500), {
    isAllowed: false,
    limit: 2,
    remaining: 0,
    resetMs: 1500,
    retryAfterMs: 500,
  })
})

test('callers have allowances of their own, unless all share one', () => {
  const limiter = new LocalLimiter()
  const each = [limiter.rule('each', { ...tenASecond, burst: 1 })]
  const all = [limiter.rule('all', { ...tenASecond, burst: 1, by: 'everyone' })]
  assert.deepEqual([limiter.take(each, 'a', 0).isAllowed, limiter.take(each, 'b', 0).isAllowed], [true, true])
  assert.deepEqual([limiter.take(all, 'a', 0).isAllowed, limiter.take(all, 'b', 0).isAllowed], [true, false])
})

test('where one of two rules refuses, neither counts', () => {
  const limiter = new LocalLimiter()
  const wide = limiter.rule('wide', { ...tenASecond, burst: 2 })
  const narrow = limiter.rule('narrow', { ...tenASecond, burst: 1 })
  assert.equal(limiter.take([wide, narrow], 'a', 0).isAllowed, true)
  assert.deepEqual(takeMany(limiter, [wide, narrow], 'a', 5, 0), Array(5).fill(false))
  assert.equal(limiter.take([wide], 'a', 0).isAllowed, true)
})

test('a rule of the same name keeps what was counted when its numbers change', () => {
  const limiter = new LocalLimiter()
  takeMany(limiter, [limiter.rule('r', tenASecond)], 'a', 10, 0)
  const wider = [limiter.rule('r', { ...tenASecond, burst: 12 })]
  assert.deepEqual(takeMany(limiter, wider, 'a', 3, 0), [true, true, false])
})

test('never more pass than the burst and what has come back since', () => {
  const rule: RateLimitOptions = { requests: 7, per: 'second', burst: 3, by: 'consumer' }
  fc.assert(
    fc.property(fc.array(fc.nat(400), { maxLength: 100 }), (pauses) => {
      const limiter = new LocalLimiter()
      const rules = [limiter.rule('r', rule)]
      let nowMs = 1000
      let passed = 0
      for (const pause of pauses) {
        nowMs += pause
        if (limiter.take(rules, 'a', nowMs).isAllowed) passed++
        assert.ok(passed <= 3 + ((nowMs - 1000) * 7) / 1000 + 1e-6)
      }
    }),
  )
})

test('memory is bounded however many callers there are, and those who matter most are kept', () => {
  const limiter = new LocalLimiter({ callersMax: 5000 })
  const rules = [limiter.rule('r', { requests: 1, per: 'minute', by: 'consumer' })]
  for (let caller = 0; caller < 50_000; caller++) limiter.take(rules, `ip-${caller}`, caller)
  assert.ok(limiter.size <= 6100, `${limiter.size} callers`)
  assert.equal(limiter.take(rules, 'ip-49999', 50_000).isAllowed, false, 'the newest is still counted')
})

test('memory is bounded over all rules together, not only within each', () => {
  const limiter = new LocalLimiter({ callersMax: 2000 })
  const rules = Array.from({ length: 50 }, (_, n) =>
    limiter.rule(`rule-${n}`, { requests: 1, per: 'day', by: 'consumer' }),
  )
  for (let caller = 0; caller < 500; caller++) limiter.take(rules, `caller-${caller}`, 0)
  assert.ok(limiter.size <= 2000 + 1024, `${limiter.size} callers are kept`)
})

test('callers whose allowance is full are forgotten first', () => {
  const limiter = new LocalLimiter({ callersMax: 5000 })
  const slow = [limiter.rule('slow', { requests: 1, per: 'day', by: 'consumer' })]
  const fast = [limiter.rule('fast', { requests: 1000, per: 'second', by: 'consumer' })]
  limiter.take(slow, 'a', 0)
  for (let caller = 0; caller < 20_000; caller++) limiter.take(fast, `ip-${caller}`, caller)
  assert.equal(limiter.take(slow, 'a', 20_000).isAllowed, false)
})

test('beyond the limit the answer is 429, says when to come again, and leaves a record', async (t) => {
  const upstream = await startUpstream(t, (_, response) => void response.end('ok'))
  const { url, recorded } = await startGateway(t, {
    apis: [{ name: 'orders', upstream: upstream.url, rateLimit: { requests: 2, per: 'day' } }],
  })
  const call = async (consumer: string) => await ask(url, '/', { headers: { 'x-api-key': `key-${consumer}` } })
  const first = await call('acme')
  assert.deepEqual(
    [first.headers['ratelimit-limit'], first.headers['ratelimit-remaining'], first.headers['ratelimit-reset']],
    ['2', '1', '43200'],
  )
  await call('acme')
  const third = await call('acme')
  assert.equal(third.status, 429)
  assert.equal(third.headers['ratelimit-remaining'], '0')
  assert.match(String(third.headers['retry-after']), /^4\d{4}$/)
  assert.equal((await call('other')).status, 200)
  const records = await recorded(4)
  assert.deepEqual(
    records.map(({ outcome, consumer, tries }) => `${outcome} ${consumer} ${tries}`),
    ['ok acme 1', 'ok acme 1', 'rate_limited acme 0', 'ok other 1'],
  )
})

test('a plan limits its consumers over all APIs, a route on top of it, and without a consumer the address counts', async (t) => {
  const upstream = await startUpstream(t, (_, response) => void response.end('ok'))
  const { url } = await startGateway(t, {
    plans: { free: { rateLimit: { requests: 3, per: 'day' } } },
    consumers: { acme: { plan: 'free' } },
    apis: [
      {
        name: 'a',
        basePath: '/a',
        upstream: upstream.url,
        routes: [{ path: '/narrow', rateLimit: { requests: 1, per: 'day' } }, { path: '/wide' }],
      },
      { name: 'b', basePath: '/b', upstream: upstream.url },
      { name: 'c', basePath: '/c', upstream: upstream.url, auth: 'none', rateLimit: { requests: 1, per: 'day' } },
    ],
  })
  const status = async (path: string, headers: Record<string, string> = { 'x-api-key': 'key-acme' }) =>
    (await ask(url, path, { headers })).status
  assert.deepEqual([await status('/a/narrow'), await status('/a/narrow')], [200, 429])
  assert.deepEqual([await status('/a/wide'), await status('/b/x'), await status('/a/wide')], [200, 200, 429])
  assert.deepEqual([await status('/c/x', {}), await status('/c/x', {})], [200, 429])
})

test('a limiter that answers later is waited for', async (t) => {
  const upstream = await startUpstream(t, (_, response) => void response.end('ok'))
  const verdict = { isAllowed: false, limit: 5, remaining: 0, resetMs: 1000, retryAfterMs: 700 }
  const limiter = {
    rule: (name: string, options: RateLimitOptions) => ({ name, options }),
    take: () => Promise.resolve(verdict),
  }
  const { url } = await startGateway(t, openApi(upstream.url, { rateLimit: { requests: 5 } }), { limiter })
  const answer = await ask(url, '/')
  assert.equal(answer.status, 429)
  assert.equal(answer.headers['retry-after'], '1')
})

test('more requests at once than the gateway may serve are answered with 503', async (t) => {
  let finish = () => {}
  const upstream = await startUpstream(t, (_, response) => {
    finish = () => void response.end('ok')
  })
  const { url, gateway, recorded } = await startGateway(t, { ...openApi(upstream.url), limits: { concurrency: 1 } })
  const first = ask(url, '/')
  while (gateway.inFlight === 0) await new Promise(setImmediate)
  const second = await ask(url, '/')
  assert.equal(second.status, 503)
  assert.equal(second.headers['retry-after'], '1')
  while (upstream.server.listenerCount('request') === 0) await new Promise(setImmediate)
  finish()
  assert.equal((await first).status, 200)
  assert.deepEqual(
    (await recorded(2)).map(({ outcome, status }) => `${status} ${outcome}`),
    ['503 gateway_error', '200 ok'],
  )
})

test('without a consumer, a client of IPv6 is its whole /64', async (t) => {
  const upstream = await startUpstream(t, (_, response) => void response.end())
  const { url } = await startGateway(t, {
    trustedProxies: ['127.0.0.1'],
    ...openApi(upstream.url, { rateLimit: { requests: 1, per: 'hour' } }),
  })
  const statuses: number[] = []
  for (const address of ['2001:db8:7:1::1', '2001:db8:7:1:a:b:c:d', '2001:db8:7:2::1'])
    statuses.push((await ask(url, '/', { headers: { 'x-forwarded-for': address } })).status)
  assert.deepEqual(statuses, [200, 429, 200])
})
