import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { supervise } from '../../cli/supervise.ts'
import { noLog } from '../../runtime/log.ts'

const main = new URL('../../cli/penstock.ts', import.meta.url)

/** A pump that this process has started as the gateway's process would, once it is at work. */
async function startPumpProcess(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'penstock-start-'))
  const file = join(folder, 'penstock.yaml')
  const dataDir = JSON.stringify(join(folder, 'data'))
  writeFileSync(
    file,
    `dataDir: ${dataDir}\npump: { admin: { port: 0 } }\nsinks: { prometheus: { type: prometheus } }\n`,
  )
  const child = fork(main, ['start', '--config', file, '--roles', 'pump'], { silent: true })
  const ended = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGKILL')
    await ended
    rmSync(folder, { recursive: true, force: true })
  })
  let errors = ''
  child.stderr?.on('data', (chunk) => {
    errors += chunk
  })
  const [addresses] = await once(child, 'message')
  return { child, ended, adminUrl: addresses.pumpAdmin as string, errors: () => errors } // what a pump tells its parent
}

test('a process whose parent is gone ends by itself, as one that was told to', async (t) => {
  const { child, ended, errors } = await startPumpProcess(t)
  child.disconnect()
  const [code] = await ended
  assert.equal(code, 0, errors())
  assert.doesNotMatch(errors(), /^ +at /m)
})

test('a hang-up leaves a pump at work', async (t) => {
  const { child, ended, adminUrl } = await startPumpProcess(t)
  child.kill('SIGHUP')
  const { stderr } = child
  assert.ok(stderr)
  for await (const chunk of stderr.iterator({ destroyOnReturn: false }))
    if (String(chunk).includes('Only a gateway')) break
  assert.equal((await fetch(`${adminUrl}/healthz`)).status, 200)
  child.kill('SIGTERM')
  assert.deepEqual(await ended, [0, null])
})

test('a process that ends at its start because both were interrupted is no failure', async () => {
  const interruption = new Error('Interrupted by SIGINT.')
  const options = { args: ['no-such-command'], log: noLog, graceMs: 1000 }
  await assert.rejects(
    supervise({ ...options, interrupted: AbortSignal.abort(interruption) }),
    (error) => error === interruption,
  )
  const { signal } = new AbortController()
  await assert.rejects(supervise({ ...options, interrupted: signal }), /ended at their start, with exit code 2/)
})
