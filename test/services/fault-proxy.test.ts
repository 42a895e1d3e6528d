import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type TestContext, test } from 'node:test'
import { Agent, request } from 'undici'
import { openFaultProxy } from './fault-proxy.ts'

/** A server behind a proxy, and a way to post to it with connections that stay open. */
async function openPair(t: TestContext) {
  const bodies: string[] = []
  const server = createServer(async (incoming, outgoing) => {
    const chunks = await incoming.toArray().catch(() => undefined) // cut off
    if (!chunks) return
    bodies.push(chunks.join(''))
    outgoing.end('taken')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number } // TCP, as above
  const proxy = await openFaultProxy({ port })
  const agent = new Agent({ connections: 1 })
  t.after(async () => {
    await agent.destroy()
    await proxy[Symbol.asyncDispose]()
    server.closeAllConnections()
    server.close()
  })
  const post = async (body: string, signal?: AbortSignal) => {
    const options = { method: 'POST', body, dispatcher: agent, ...(signal ? { signal } : {}) } as const
    const { statusCode, body: answer } = await request(`http://127.0.0.1:${proxy.port}/`, options)
    return `${statusCode} ${await answer.text()}`
  }
  return { proxy, post, bodies }
}

test('without a fault everything passes', async (t) => {
  const { post, bodies } = await openPair(t)
  assert.equal(await post('a'), '200 taken')
  assert.deepEqual(bodies, ['a'])
})

test('a refusing proxy refuses, and takes connections on the same port afterwards', async (t) => {
  const { proxy, post } = await openPair(t)
  await post('a')
  await proxy.set({ kind: 'refuse' })
  await assert.rejects(post('b'))
  await proxy.set({ kind: 'none' })
  assert.equal(await post('c'), '200 taken')
})

test('a lost reply reaches the server and not the client', async (t) => {
  const { proxy, post, bodies } = await openPair(t)
  await post('a')
  await proxy.set({ kind: 'lose-reply' })
  await assert.rejects(post('b'))
  assert.deepEqual(bodies, ['a', 'b'])
})

test('a cut request does not reach the server whole', async (t) => {
  const { proxy, post, bodies } = await openPair(t)
  await post('a')
  await proxy.set({ kind: 'cut', requestBytes: 5000 })
  await assert.rejects(post('b'.repeat(100_000)))
  assert.ok(!bodies.some((body) => body.length === 100_000))
})

test('a hanging proxy keeps the connection and answers nothing', async (t) => {
  const { proxy, post, bodies } = await openPair(t)
  await post('a')
  await proxy.set({ kind: 'hang' })
  await assert.rejects(post('b', AbortSignal.timeout(200)), { name: 'TimeoutError' })
  assert.deepEqual(bodies, ['a'])
  await proxy.set({ kind: 'none' })
  assert.equal(await post('c'), '200 taken')
})

test('an answering proxy answers in place of the server, also on connections that are open', async (t) => {
  const { proxy, post, bodies } = await openPair(t)
  await post('a')
  await proxy.set({ kind: 'answer', status: 413, body: 'too large' })
  assert.equal(await post('b'), '413 too large')
  assert.equal(await post('c'), '413 too large')
  assert.deepEqual(bodies, ['a'])
  await proxy.set({ kind: 'none' })
  assert.equal(await post('d'), '200 taken')
})

test('a reset comes as soon as something is sent', async (t) => {
  const { proxy, post } = await openPair(t)
  await post('a')
  await proxy.set({ kind: 'reset' })
  await assert.rejects(post('b'))
})
