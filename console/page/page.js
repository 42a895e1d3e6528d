// The usage page: asks the usage API every two seconds, and says what it finds.

/** @import { UsageResult } from '../../usage/result.ts' */

const everyMs = 2000
const rows = 25
const byId = (id) => document.getElementById(id)
const whole = new Intl.NumberFormat('en')
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })

let last = new URLSearchParams(location.search).get('last') ?? '1h'
let isPaused = false
let asking = new AbortController()

/** A problem that the API told, or that kept it from telling anything. */
class AskError extends Error {
  constructor(status, detail) {
    super(detail)
    this.status = status
  }
}

/** @returns {Promise<UsageResult>} */
async function ask(parameters, signal) {
  const token = sessionStorage.getItem('token')
  const response = await fetch(`/v1/usage?${new URLSearchParams(parameters)}`, {
    headers: { accept: 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    signal,
  })
  const body = await response.json().catch(() => ({}))
  if (!response.ok) throw new AskError(response.status, body.detail ?? `The console answered ${response.status}.`)
  return body
}

async function refresh() {
  const { signal } = asking
  const [endpoints, consumers] = await Promise.all([
    ask({ by: 'endpoint', metric: 'calls,success_rate,p50,p95', last, limit: rows }, signal),
    ask({ by: 'consumer', metric: 'calls,success_rate,consumers', last, limit: rows }, signal),
  ])
  showTiles(endpoints, consumers)
  showTable('endpoints', endpoints, endpointCells)
  showTable('consumers', consumers, consumerCells)
  showState(endpoints)
}

/** Refreshes for ever: the next question waits for the answer to the last one. */
async function live() {
  for (;;) {
    if (!isPaused && !document.hidden) {
      await refresh().catch((error) => {
        if (error.name !== 'AbortError') showFailure(error)
      })
    }
    await rest(asking.signal)
    if (asking.signal.aborted) asking = new AbortController()
  }
}

/** Whatever was asked is out of date: ask again at once. */
function askAnew() {
  asking.abort()
}

async function rest(signal) {
  if (signal.aborted) return
  const { promise, resolve } = Promise.withResolvers()
  const timer = setTimeout(resolve, everyMs)
  signal.addEventListener('abort', resolve, { once: true })
  await promise
  clearTimeout(timer)
  signal.removeEventListener('abort', resolve)
}

function showTiles({ total }, { total: { consumers } }) {
  byId('tile-calls').textContent = total.calls < 1e6 ? whole.format(total.calls) : compact.format(total.calls)
  byId('tile-calls').title = whole.format(total.calls)
  byId('tile-success').textContent = percent(total.success_rate)
  byId('tile-success').className = isBad(total.success_rate) ? 'bad' : ''
  byId('tile-p95').textContent = duration(total.p95)
  byId('tile-consumers').textContent = whole.format(consumers)
}

function showTable(id, result, toCells) {
  const body = byId(id)
  const { rows, other, total } = result
  const width = body.parentElement.tHead.rows[0].cells.length
  const lines = rows.map((row) => line(toCells(row, total), ''))
  if (other) lines.push(line(toCells({ ...other, name: `${whole.format(other.groups)} others` }, total), 'rest'))
  if (lines.length === 0) {
    const cell = element('td', { colSpan: width }, 'No calls in this time.')
    lines.push(element('tr', { className: 'none' }, cell))
  }
  body.replaceChildren(...lines)
}

const endpointCells = (row, total) => [
  nameCell(row.name ?? row.endpoint, row.name ? 0 : row.calls / total.calls),
  numberCell(whole.format(row.calls)),
  rateCell(row.success_rate),
  numberCell(duration(row.p50)),
  numberCell(duration(row.p95)),
]

const consumerCells = (row, total) => [
  nameCell(row.name ?? (row.consumer || '(no key)'), row.name ? 0 : row.calls / total.calls),
  numberCell(whole.format(row.calls)),
  rateCell(row.success_rate),
  numberCell(percent(row.calls / total.calls, 1)),
]

const line = (cells, className) => element('tr', { className }, ...cells)
const numberCell = (text) => element('td', { className: 'number' }, text)
const rateCell = (rate) => element('td', { className: isBad(rate) ? 'number bad' : 'number' }, percent(rate))

/** A name with its share of all calls drawn behind it; a long path may break after its slashes. */
function nameCell(name, share) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  svg.setAttribute('aria-hidden', 'true')
  const bar = document.createElementNS('http://www.w3.org/2000/svg', 'rect')
  bar.setAttribute('width', `${100 * share}%`)
  bar.setAttribute('height', '100%')
  svg.append(bar)
  const parts = name.split('/').flatMap((part, i) => (i === 0 ? [part] : ['/', document.createElement('wbr'), part]))
  return element('th', { scope: 'row', className: 'bar' }, svg, ...parts)
}

function showState({ as_of, total, coverage }) {
  const age = as_of === null ? '' : ` · newest ${ago(Date.now() - Date.parse(as_of))}`
  showLive(isPaused ? 'paused' : 'live', isPaused ? 'Paused' : `Live${age}`)
  if (as_of === null) {
    notice('Nothing has come in yet', 'Send a request through the gateway: it is here within five seconds.')
  } else if (total.calls === 0) {
    notice('No calls in this time', 'Choose a longer time, or send a request through the gateway.')
  } else if (!coverage.complete) {
    const from = new Date(coverage.complete_from).toLocaleString('en')
    notice(
      'Not all of this time is kept',
      `Records that came in before ${from} were let go: raise the store’s retentionDays or maxBytes to keep more.`,
    )
  } else {
    byId('notice').hidden = true
  }
}

function showFailure(error) {
  const isRefused = error.status === 401
  showLive('failing', 'Not live')
  byId('token-form').hidden = !isRefused
  if (isRefused) notice('This console asks for a token', 'It is console.token in the configuration.', 'error')
  else if (error.status) notice('The question was not answered', error.message, 'error')
  else
    notice(
      'The console does not answer',
      'Is penstock still running? Start it again; this page goes on by itself.',
      'error',
    )
}

function notice(title, text, kind = 'hint') {
  byId('notice-title').textContent = title
  byId('notice-text').textContent = text
  byId('notice').dataset.kind = kind
  byId('notice').hidden = false
}

function showLive(state, text) {
  byId('live').dataset.state = state
  if (byId('live-text').textContent !== text) byId('live-text').textContent = text
}

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties)
  made.append(...children)
  return made
}

/** Below 99 % is worth a look; the word and not the colour alone says so to who cannot see it: the number itself. */
const isBad = (rate) => rate !== null && rate < 0.99

function percent(rate, digits = 2) {
  if (rate === null || Number.isNaN(rate)) return '–'
  const shown = Math.floor(rate * 10 ** (digits + 2)) / 10 ** digits // never rounded up to 100
  return `${rate === 1 ? 100 : shown.toFixed(digits)} %`
}

function duration(ms) {
  if (ms === null || ms === undefined) return '–'
  if (ms >= 10_000) return `${(ms / 1000).toFixed(0)} s`
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`
  return `${ms >= 10 ? ms.toFixed(0) : ms.toFixed(1)} ms`
}

function ago(ms) {
  if (ms < 2000) return 'just now'
  if (ms < 90_000) return `${Math.round(ms / 1000)} s ago`
  if (ms < 5_400_000) return `${Math.round(ms / 60_000)} min ago`
  return `${Math.round(ms / 3_600_000)} h ago`
}

function showLinks() {
  byId('csv').href = `/v1/usage?${new URLSearchParams({ by: 'endpoint', last, format: 'csv' })}`
  byId('json').href = `/v1/usage?${new URLSearchParams({ by: 'endpoint', last })}`
}

byId('last').addEventListener('change', ({ target }) => {
  last = target.value
  history.replaceState(null, '', `?${new URLSearchParams({ last })}`)
  showLinks()
  askAnew()
})
byId('pause').addEventListener('click', ({ target }) => {
  isPaused = !isPaused
  target.setAttribute('aria-pressed', String(isPaused))
  target.textContent = isPaused ? 'Go on' : 'Pause'
  showLive(isPaused ? 'paused' : 'live', isPaused ? 'Paused' : 'Live')
  if (!isPaused) askAnew()
})
byId('token-form').addEventListener('submit', (event) => {
  event.preventDefault()
  sessionStorage.setItem('token', byId('token').value)
  byId('token-form').hidden = true
  askAnew()
})
byId('controls').addEventListener('submit', (event) => event.preventDefault())
document.addEventListener('visibilitychange', () => !document.hidden && askAnew())
if ([...byId('last').options].some((option) => option.value === last)) byId('last').value = last
showLinks()
live()
