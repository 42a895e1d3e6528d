import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { isListening } from './port.ts'
import { openRedis } from './redis.ts'
import { openServer } from './server.ts'
import { until } from './until.ts'

test('a server that ends before it answers says why', async () => {
  await assert.rejects(openRedis({ config: { nonsense: '1' } }), /redis ended \(exit code 1\)[\s\S]*Bad directive/)
})

test('a program that is not there is named', async () => {
  const recipe = { name: 'nothing', command: () => ({ file: '/does/not/exist', args: [] }), isReady: async () => false }
  await assert.rejects(openServer(recipe), /nothing ended/)
})

test('a server does not outlive a process that is killed', async (t) => {
  const script = `
    import { openRedis } from ${JSON.stringify(join(import.meta.dirname, 'redis.ts'))}
    const { port, folder } = await openRedis()
    console.log(JSON.stringify({ port, folder }))
  `
  const child = execFile(process.execPath, ['--input-type=module', '--eval', script])
  let printed = ''
  child.stdout?.on('data', (text: string) => {
    printed += text
  })
  const { port, folder } = await until(
    () => printed.endsWith('\n') && (JSON.parse(printed) as { port: number; folder: string }),
  )
  t.after(() => rm(folder, { recursive: true, force: true }))
  assert.equal(await isListening(port), true)
  child.kill('SIGKILL')
  await until(async () => !(await isListening(port)), { what: 'the server to end' })
})
