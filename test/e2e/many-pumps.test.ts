import { test } from 'node:test'
import { openPumps } from './pumps.ts'

for (const type of ['redis', 'kafka'] as const)
  test(`pumps come and go, are killed and stand still; they share the log in ${type}, and nothing is lost or doubled`, async (t) => {
    const pumps = await openPumps(t, type)
    const told = (what: string) => t.diagnostic(`${what}: the longest pause was ${pumps.pauseMs()} ms`)
    const first = await pumps.add()
    await pumps.begun()
    pumps.pauseMs()

    const others = await Promise.all([pumps.add(), pumps.add(), pumps.add()])
    const [killed, paused, stopped] = others as [typeof first, typeof first, typeof first] // three were added
    await pumps.balanced([first, ...others])
    told('1 → 4 pumps')

    await killed.kill()
    await pumps.balanced([first, paused, stopped])
    told('one killed')

    paused.pause()
    await pumps.balanced([first, stopped])
    told('one stands still')
    paused.resume()
    await pumps.balanced([first, paused, stopped])
    told('it goes on')

    await paused.stop()
    await stopped.stop()
    await pumps.balanced([first])
    told('→ 1 pump')
    await pumps.judge(first)
  })
