import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError } from '../../runtime/check.ts'
import type { Level, LogFields } from '../../runtime/log.ts'
import { openThread, type Thread } from '../../runtime/thread.ts'
import { until } from '../services/until.ts'
import type { ToEcho } from './echo-thread.ts'

interface Opened extends AsyncDisposable {
  readonly thread: Thread<ToEcho>
  readonly heard: string[]
  readonly lines: [Level, string, LogFields][]
}

async function openEcho(firstStart = 0): Promise<Opened> {
  let start = firstStart
  const heard: string[] = []
  const lines: [Level, string, LogFields][] = []
  const thread = await openThread<ToEcho, string>({
    name: 'echo',
    url: new URL('./echo-thread.ts', import.meta.url),
    data: () => start++,
    onMessage: (message) => heard.push(message),
    onDeath: () => heard.push('death'),
    farewell: { message: 'farewell', withinMs: 10_000 },
    log: (level, sentence, fields = {}) => lines.push([level, sentence, fields]),
  })
  return { thread, heard, lines, [Symbol.asyncDispose]: () => thread[Symbol.asyncDispose]() }
}

test('a thread that dies starts again, and says what it died of', async () => {
  await using echo = await openEcho()
  echo.thread.post('die')
  await until(() => echo.heard.includes('start 1'))
  echo.thread.post(5)
  await until(() => echo.heard.includes('answer 5'))
  echo.thread.post('exit')
  await until(() => echo.heard.includes('start 2'))
  assert.deepEqual(echo.heard, ['start 0', 'death', 'start 1', 'answer 5', 'death', 'start 2'])
  const [first, second] = echo.lines
  assert.equal(first?.[1], 'A thread died; it will start again.')
  assert.match(String(first?.[2].error), /asked to die/)
  assert.match(String(second?.[2].error), /exit code 7/)
})

test('a first start that fails is thrown', async () => {
  await assert.rejects(openEcho(-1), /This start cannot succeed\./)
})

test('a first start that fails by the operator’s fault is thrown as one', async () => {
  await assert.rejects(openEcho(-2), (error) => {
    assert.ok(error instanceof ConfigError)
    return error.message === 'Nobody can start with this.'
  })
})

test('a later start that fails is tried again', async () => {
  let start = 0
  const heard: string[] = []
  await using thread = await openThread<ToEcho, string>({
    name: 'echo',
    url: new URL('./echo-thread.ts', import.meta.url),
    data: () => [0, -1, -1, 3][start++],
    onMessage: (message) => heard.push(message),
    log: () => {},
  })
  thread.post('die')
  await until(() => heard.includes('start 3'))
  assert.equal(start, 4)
})

test('the disposal lets the thread end by itself, and what it still says is heard', async () => {
  const echo = await openEcho()
  echo.thread.post(1)
  await echo.thread[Symbol.asyncDispose]()
  assert.deepEqual(echo.heard, ['start 0', 'answer 1', 'farewell'])
  assert.deepEqual(echo.lines, [])
  echo.thread.post(2)
  await echo.thread[Symbol.asyncDispose]()
})

test('a thread that does not end in time is ended', async () => {
  const thread = await openThread<ToEcho, string>({
    name: 'echo',
    url: new URL('./echo-thread.ts', import.meta.url),
    data: () => 0,
    onMessage: () => {},
    farewell: { message: 'farewell', withinMs: 1 },
    log: () => {},
  })
  thread.post('hang')
  await thread[Symbol.asyncDispose]()
})

test('a line of the thread goes through the opener’s log, its error whole', async () => {
  await using echo = await openEcho()
  echo.thread.post('log')
  const [level, sentence, fields] = await until(() => echo.lines[0])
  assert.deepEqual([level, sentence, fields.n], ['warn', 'A line of the thread.', 1])
  const { stack, cause, ...error } = fields.error as { stack: string; cause: Record<string, unknown> } // as the port makes it
  assert.deepEqual(error, { type: 'Error', message: 'x', code: 'EX' })
  assert.match(stack, /echo-thread/)
  assert.equal(cause.type, 'TypeError')
})
