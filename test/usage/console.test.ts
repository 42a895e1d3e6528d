import assert from 'node:assert/strict'
import { request } from 'node:http'
import { type TestContext, test } from 'node:test'
import { assets } from '../../console/assets.ts'
import { aRecord } from '../../record/sample.ts'
import { ConfigError } from '../../runtime/check.ts'
import { noLog } from '../../runtime/log.ts'
import { type OpenConsoleOptions, openConsole } from '../../usage/console.ts'
import { consoleOptions } from '../../usage/options.ts'
import { aFolder, openIn } from '../sinks/store/place.ts'

async function aConsole(t: TestContext, options: Partial<OpenConsoleOptions> = {}) {
  const { store, append } = await openIn(t, await aFolder(t))
  await append([aRecord()])
  const opened = await openConsole({
    host: '127.0.0.1',
    port: 0,
    token: undefined,
    store,
    assets,
    log: noLog,
    ...options,
  })
  t.after(() => opened[Symbol.asyncDispose]())
  return opened
}

test('the page and everything it needs come from the console itself', async (t) => {
  const { url } = await aConsole(t)
  const page = await fetch(url)
  assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8')
  assert.match(page.headers.get('content-security-policy') ?? '', /^default-src 'self'/)
  const html = await page.text()
  const needed = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path.replaceAll('&amp;', '&'))
  assert.ok(needed.includes('/page.js') && needed.includes('/page.css'))
  for (const path of needed) assert.equal((await fetch(new URL(path, url))).status, 200, path)
})

test('a name that is not this machine’s is refused, so that no foreign page can read the numbers', async (t) => {
  const { url } = await aConsole(t)
  const statusFor = (host: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      request(`${url}/v1/usage`, { headers: { host } }, (response) => resolve(response.resume().statusCode))
        .on('error', reject)
        .end()
    })
  const { port } = new URL(url)
  assert.equal(await statusFor('evil.example'), 421)
  assert.equal(await statusFor(`evil.example:${port}`), 421)
  assert.equal(await statusFor(`localhost:${port}`), 200)
  assert.equal(await statusFor(`127.0.0.1:${port}`), 200)
  assert.equal(await statusFor(`[::1]:${port}`), 200)
})

test('where there is a token, only the page is shown without it', async (t) => {
  const token = 'a-token-of-some-length'
  const { url } = await aConsole(t, { token })
  const get = (path: string, authorization?: string) =>
    fetch(url + path, { headers: authorization ? { authorization } : {} })
  for (const path of ['/v1/usage', '/v1/health', '/openapi.json']) {
    const refused = await get(path)
    assert.equal(refused.status, 401)
    assert.equal(refused.headers.get('www-authenticate'), 'Bearer')
    assert.equal((await get(path, 'Bearer a-token-of-some-lengtX')).status, 401)
    assert.equal((await get(path, `Bearer ${token}`)).status, 200)
  }
  assert.equal((await get('/')).status, 200)
})

test('the console does not show its numbers to a network without a token', async (t) => {
  const { store } = await openIn(t, await aFolder(t))
  const opening = openConsole({ host: '0.0.0.0', port: 0, token: undefined, store, assets, log: noLog })
  await assert.rejects(opening, (error) => error instanceof ConfigError && /set console.token/.test(error.message))
})

test('a port that is taken is named', async (t) => {
  const { url } = await aConsole(t)
  await assert.rejects(aConsole(t, { port: Number(new URL(url).port) }), /the port is taken/)
})

test('another path is answered with a problem', async (t) => {
  const { url } = await aConsole(t)
  const response = await fetch(`${url}/v2`)
  assert.equal(response.status, 404)
  assert.equal(response.headers.get('content-type'), 'application/problem+json')
})

test('the console listens on this machine alone unless it is told otherwise', () => {
  assert.deepEqual(consoleOptions.parse({}), { host: '127.0.0.1', port: 8083 })
})
