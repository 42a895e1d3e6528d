import { test } from 'node:test'
import { seeded } from '../e2e/faults.ts'
import { openPumps, type PumpProcess } from '../e2e/pumps.ts'

const rounds = 40

test('four pumps are killed, stopped and stood still at random for minutes, and nothing is lost or doubled', async (t) => {
  const seed = Number(process.env.PENSTOCK_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
  t.diagnostic(`PENSTOCK_TEST_SEED=${seed} makes the same faults`)
  const random = seeded(seed)
  const pumps = await openPumps(t)
  const all: readonly PumpProcess[] = await Promise.all(Array.from({ length: 4 }, () => pumps.add()))
  await pumps.begun()
  pumps.pauseMs()
  for (let round = 0; round < rounds; round++) {
    const victim = all[Math.floor(random() * all.length)]! // one of four
    const others = all.filter((pump) => pump !== victim)
    const fault = (['kill', 'stop', 'pause'] as const)[Math.floor(random() * 3)]! // one of three
    if (fault === 'pause') victim.pause()
    else await victim[fault]()
    if (random() < 0.7) await pumps.balanced(others)
    if (fault === 'pause') victim.resume()
    else await victim.start()
    if (random() < 0.7) await pumps.balanced(all)
    t.diagnostic(`round ${round}, ${fault}: the longest pause was ${pumps.pauseMs()} ms`)
  }
  const [last, ...others] = all as [PumpProcess, ...PumpProcess[]] // there are four
  for (const pump of others) await pump.stop()
  await pumps.balanced([last])
  await pumps.judge(last)
})
