import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { assets } from '../../console/assets.ts'
import { aRecord } from '../../record/sample.ts'
import { noLog } from '../../runtime/log.ts'
import { openConsole } from '../../usage/console.ts'
import { openBrowser } from '../services/chromium.ts'
import { aFolder, openIn } from '../sinks/store/place.ts'

let browser: Browser
before(async () => {
  browser = await openBrowser()
})
after(() => browser.close())

interface Look {
  readonly width?: number
  readonly colorScheme?: 'light' | 'dark'
  readonly token?: string
}

/** A page over a store of its own; every error that the browser reports fails the test. */
async function aPage(t: TestContext, { width = 1440, colorScheme = 'light', token }: Look = {}) {
  const { store, append } = await openIn(t, await aFolder(t))
  const serve = async (port: number) => {
    const served = await openConsole({ host: '127.0.0.1', port, token, store, assets, log: noLog })
    t.after(() => served[Symbol.asyncDispose]())
    return served
  }
  const served = await serve(0)
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme })
  t.after(() => context.close())
  const page = await context.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text())
  })
  return { page, append, serve, served, errors, show: () => page.goto(served.url) }
}

const cells = (row: string | null) => row?.split('\t').map((cell) => cell.trim())

test('calls are shown per endpoint and per consumer, and new ones within seconds', async (t) => {
  const { page, append, errors, show } = await aPage(t)
  await append([
    aRecord({ endpoint: 'GET /orders', totalUs: 12_000 }),
    aRecord({ endpoint: 'GET /orders', totalUs: 12_000, status: 503 }),
    aRecord({ endpoint: 'POST /orders', consumer: '', totalUs: 2_500_000 }),
  ])
  await show()
  await page.getByText('POST /orders').waitFor()
  assert.equal(await page.locator('#tile-calls').textContent(), '3')
  assert.equal(await page.locator('#tile-success').textContent(), '66.66 %')
  assert.equal(await page.locator('#tile-consumers').textContent(), '1')
  assert.deepEqual(cells(await page.locator('#endpoints tr').first().innerText()), [
    'GET /orders',
    '2',
    '50.00 %',
    '12 ms',
    '12 ms',
  ])
  assert.deepEqual(cells(await page.locator('#consumers tr').last().innerText()), ['(no key)', '1', '100 %', '33.3 %'])
  await append([aRecord({ endpoint: 'DELETE /orders' })])
  await page.getByText('DELETE /orders').waitFor()
  assert.match((await page.locator('#live-text').textContent()) ?? '', /^Live/)
  assert.deepEqual(errors, [])
})

test('an empty store says what to do', async (t) => {
  const { page, errors, show } = await aPage(t)
  await show()
  await page.getByText('Nothing has come in yet').waitFor()
  await page.getByText('Send a request through the gateway').waitFor()
  assert.deepEqual(errors, [])
})

test('a console that stops is said to be gone, and the page goes on when it is back', async (t) => {
  const { page, append, serve, served, show } = await aPage(t)
  await append([aRecord()])
  await show()
  await page.getByText('GET /orders/{id}').waitFor()
  await served[Symbol.asyncDispose]()
  await page.getByText('The console does not answer').waitFor()
  assert.equal(await page.locator('#live-text').textContent(), 'Not live')
  await append([aRecord({ endpoint: 'GET /new' })])
  await serve(Number(new URL(served.url).port))
  await page.getByText('GET /new').waitFor()
  assert.ok(await page.locator('#notice').isHidden())
})

test('a console with a token asks for it and then shows the usage', async (t) => {
  const token = 'a-token-of-some-length'
  const { page, append, show } = await aPage(t, { token })
  await append([aRecord()])
  await show()
  await page.getByLabel('Token').fill(token)
  await page.getByRole('button', { name: 'Show usage' }).click()
  await page.getByText('GET /orders/{id}').waitFor()
  assert.ok(await page.locator('#notice').isHidden())
})

test('another time is asked at once and stands in the address', async (t) => {
  const { page, append, show } = await aPage(t)
  await append([aRecord({ endpoint: 'GET /old', ts: (Date.now() - 2 * 3_600_000) * 1000 })])
  await show()
  await page.getByText('No calls in this time').first().waitFor()
  await page.getByLabel('Time').selectOption('24h')
  await page.getByText('GET /old').waitFor()
  assert.equal(new URL(page.url()).search, '?last=24h')
})

test('names from requests are text, whatever they look like', async (t) => {
  const { page, append, errors, show } = await aPage(t)
  await append([aRecord({ consumer: '<img src=x onerror=alert(1)>', endpoint: '<script>alert(1)</script>' })])
  await show()
  await page.getByText('<img src=x onerror=alert(1)>').waitFor()
  assert.equal(await page.locator('#endpoints script, #consumers img').count(), 0)
  assert.deepEqual(errors, [])
})

for (const width of [390, 768, 1440]) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`everything fits at ${width} pixels, and is legible in the ${colorScheme}`, async (t) => {
      const { page, append, show } = await aPage(t, { width, colorScheme })
      const long = `GET ${'/customers/{customer}'.repeat(6)}`
      await append(
        Array.from({ length: 40 }, (_, i) =>
          aRecord({ endpoint: `${long}/${i}`, consumer: `a-consumer-with-a-long-name-${i}` }),
        ),
      )
      await show()
      await page.getByText('15 others').first().waitFor()
      assert.equal(await page.evaluate('document.documentElement.scrollWidth'), width)
      const contrasts = await page.evaluate(contrastOfTexts)
      assert.deepEqual(
        contrasts.filter(({ ratio }) => ratio < 4.5),
        [],
      )
    })
  }
}

/** Runs in the page: how each text stands out from what is behind it, as WCAG counts. */
const contrastOfTexts = `(() => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number)
  const luminance = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0)
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = channels(getComputedStyle(at).backgroundColor)
      if (color[3] !== 0) return color
    }
    return [255, 255, 255]
  }
  return [...document.querySelectorAll('h1, h2, p, th, td, a, label, button, select')]
    .filter((element) => element.checkVisibility() && element.textContent.trim())
    .map((element) => {
      const [light, dark] = [luminance(channels(getComputedStyle(element).color)), luminance(behind(element))].sort((a, b) => b - a)
      return { text: element.textContent.slice(0, 30), ratio: (light + 0.05) / (dark + 0.05) }
    })
})()` as unknown as () => { text: string; ratio: number }[] // playwright evaluates a text as it does a function
