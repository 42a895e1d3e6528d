import { wait } from '../runtime/wait.ts'
import { adminUrl } from './admin.ts'
import {
  BackendError,
  type Command,
  exitCodes,
  type OptionValues,
  type Terminal,
  textOf,
  UsageError,
} from './command.ts'
import { configOf, configOption } from './files.ts'
import { type Look, lookAt } from './top/look.ts'
import { type Paced, paced } from './top/pace.ts'
import { openScreen } from './top/screen.ts'
import { toLines } from './top/show.ts'

/** 1 s between looks; more where a page of metrics is so large that making it would keep a pump busy. */
const everyMs = 1000
/** 5 looks: blocks that settle every other second make no pace that jumps. */
const paceLooks = 5
/** 10: a tenth of the time at most is spent on being looked at. */
const restPerLook = 10

export const topCommand: Command = {
  summary: 'Shows live how each sink fares: its state, pace, lag, retries and dead letters',
  usage: '[--url URL] [--once]',
  options: {
    config: configOption,
    url: {
      type: 'string',
      value: 'LIST',
      doc: 'Admin address of the pump, of several with commas; default as in the configuration',
    },
    once: { type: 'boolean', doc: 'One look, a second long, in place of one each second' },
  },
  examples: [
    'penstock top',
    'penstock top --once --url http://pump-1:8082,http://pump-2:8082',
    `penstock top | jq -c '.sinks[] | [.sink, .state, .lagRecords]'`,
  ],
  async run(values, _positionals, terminal) {
    const urls = urlsOf(values, terminal)
    if (values.once) await showOnce(urls, terminal)
    else if (terminal.isTty) await showLive(urls, terminal)
    else await writeLines(urls, terminal)
    return exitCodes.ok
  },
}

function urlsOf(values: OptionValues, terminal: Terminal): readonly string[] {
  const given = textOf(values, 'url')
  if (given === undefined) {
    const url = adminUrl(configOf(values, terminal).pump.admin)
    if (url === undefined)
      throw new UsageError('pump.admin takes a port by chance: name it with --url, as the pump’s log tells it.')
    return [url]
  }
  return given.split(',').map((text) => {
    const url = URL.parse(text.trim())
    if (!url || !/^https?:$/.test(url.protocol))
      throw new UsageError('--url takes the admin address of a pump, such as http://127.0.0.1:8082.')
    return url.href.replace(/\/+$/, '')
  })
}

/** One look after the other, the first without a pace. Throws BackendError where no pump answers the first; later it is waited for. */
async function* follow(urls: readonly string[], signal: AbortSignal): AsyncGenerator<Paced> {
  const past: Look[] = []
  for (;;) {
    const startedAtMs = performance.now()
    const look = await lookAt(urls, signal).catch((error: unknown) => {
      const last = past.at(-1)
      if (!last || !(error instanceof BackendError)) throw error
      return { ...last, pumps: 0 }
    })
    yield paced(look.pumps > 0 ? past[0] : undefined, look)
    if (look.pumps > 0) past.push(look)
    if (past.length > paceLooks) past.shift()
    await wait(Math.max(everyMs, (performance.now() - startedAtMs) * restPerLook), signal)
  }
}

async function showOnce(urls: readonly string[], terminal: Terminal): Promise<void> {
  const before = await lookAt(urls, terminal.interrupted)
  await wait(everyMs, terminal.interrupted)
  const shown = paced(before, await lookAt(urls, terminal.interrupted))
  terminal.out(terminal.isTty ? `${toLines(shown, headline(urls, shown), terminal).join('\n')}\n` : toJson(shown))
}

/** A line for each look; the first, which knows no pace, is left out. */
async function writeLines(urls: readonly string[], { out, interrupted }: Terminal): Promise<void> {
  let isFirst = true
  for await (const shown of follow(urls, interrupted)) {
    if (!isFirst) out(toJson(shown))
    isFirst = false
  }
}

async function showLive(urls: readonly string[], terminal: Terminal): Promise<void> {
  const looks = follow(urls, terminal.interrupted)
  const first = await looks.next() // before the screen is taken: that nobody answers is said on the one there is
  using screen = openScreen(terminal.out)
  for (let { value, done } = first; !done && value; { value, done } = await looks.next()) {
    const lines = toLines(value, `${headline(urls, value)}   Ctrl-C ends this`, terminal)
    screen.draw(lines.slice(0, terminal.rows))
  }
}

function headline(urls: readonly string[], { look }: Paced): string {
  const time = new Date(look.atMs).toISOString().slice(0, 19)
  const which = urls.length === 1 ? urls[0] : `${look.pumps} of ${urls.length} pumps`
  return `penstock top   ${which}   ${look.pumps === 0 ? `does not answer since ${time}Z` : `${time}Z`}`
}

function toJson({ look, sinks, appendedPerSecond }: Paced): string {
  const { atMs, pumps, bufferBytes, bufferMaxBytes } = look
  const at = new Date(atMs).toISOString()
  return `${JSON.stringify({ at, pumps, appendedPerSecond, bufferBytes, bufferMaxBytes, sinks })}\n`
}
