import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { scratchFolder } from '../scratch.ts'
import { freePort } from '../services/port.ts'
import { run } from './run.ts'

const commands = [
  ['sinks', 'list'],
  ['dead', 'list'],
  ['buffer', 'inspect'],
  ['buffer', 'verify'],
  ['tap'],
  ['audit', '--from', '1h'],
  ['resend', '--sink', 'mongo', '--from', '1h'],
  ['top', '--once'],
]

async function aConfig(t: TestContext, buffer: object): Promise<string> {
  const dataDir = await scratchFolder(t)
  const file = join(dataDir, 'penstock.yaml')
  const sinks = { mongo: { type: 'mongo', url: 'mongodb://127.0.0.1:1/x' } }
  writeFileSync(file, JSON.stringify({ dataDir, buffer, sinks, pump: { admin: { port: await freePort() } } }))
  return file
}

for (const type of ['redis', 'kafka']) {
  test(`where ${type} is away every command says so in a sentence, and ends with 5`, async (t) => {
    const address = `127.0.0.1:${await freePort()}`
    const buffer =
      type === 'redis' ? { type, urls: [`redis://${address}`] } : { type, brokers: [address], requestTimeoutMs: 500 }
    const config = await aConfig(t, buffer)
    for (const command of commands) {
      const { code, errors } = await run(...command, '--config', config)
      assert.equal(code, 5, command.join(' '))
      assert.match(errors, /ECONNREFUSED|No pump answers/)
      assert.doesNotMatch(errors, /\n {4}at /, `${command.join(' ')} prints no stack`)
    }
  })
}
