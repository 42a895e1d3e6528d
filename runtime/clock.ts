import { type Finding, fine, warning } from './finding.ts'

/** 1 s: what is older than it seems by so much makes lags and ages on dashboards wrong that people look at. */
const toleratedMs = 1000

/** Compares this machine's clock with that of a server, which `ask` tells in Unix milliseconds. Throws what `ask` throws. */
export async function compareClocks(server: string, ask: () => Promise<number>, now = Date.now): Promise<Finding> {
  const askedAtMs = now()
  const theirsMs = await ask()
  const answeredAtMs = now()
  const aheadMs = Math.round(theirsMs - (askedAtMs + answeredAtMs) / 2)
  const uncertainMs = (answeredAtMs - askedAtMs) / 2
  if (Math.abs(aheadMs) - uncertainMs <= toleratedMs) return fine('clock', `${server} and this machine agree.`)
  const side = aheadMs > 0 ? 'ahead of' : 'behind'
  return warning(
    'clock',
    `${server} is ${seconds(Math.abs(aheadMs))} ${side} this machine.`,
    'Let both set their clocks by NTP: times and lags are wrong by that much.',
  )
}

const seconds = (ms: number) => `${(ms / 1000).toLocaleString('en', { maximumFractionDigits: 1 })} s`
