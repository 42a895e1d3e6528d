import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import type { Carrier } from '../../../gateway/upstream/carrier.ts'
import { freePort } from '../../services/port.ts'
import { until } from '../../services/until.ts'
import { lean, Note, onRequests, startTcp, type Told } from './carried.ts'

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** A carrier to the upstream, closed with the test, and how often its connection has closed. */
function carrierTo(t: TestContext, url: string): { carrier: Carrier; closed: () => number } {
  let closed = 0
  const carrier = lean(url)(() => closed++)
  t.after(() => carrier.destroy())
  return { carrier, closed: () => closed }
}

/** Sends a request and resolves with what became of it. */
async function send(carrier: Carrier, note = new Note()): Promise<Told> {
  carrier.carry(note)
  const told = await note.told
  assert.equal(note.ends, 1)
  return told
}

function bodyOf(told: Told): string {
  return 'body' in told ? told.body : JSON.stringify(told)
}

function errorOf(told: Told): string {
  return 'error' in told ? told.error : 'none'
}

test('requests follow each other on one connection', async (t) => {
  const { url, sockets } = await startTcp(t, (socket) => onRequests(socket, () => socket.write(ok)))
  const { carrier } = carrierTo(t, url)
  for (let i = 0; i < 3; i++) assert.equal(bodyOf(await send(carrier)), 'ok')
  assert.equal(sockets.length, 1)
})

test('after an answer that is the last, the next request gets a connection of its own', async (t) => {
  const { url, sockets } = await startTcp(t, (socket) => {
    onRequests(socket, () => socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'))
  })
  const { carrier, closed } = carrierTo(t, url)
  assert.equal(bodyOf(await send(carrier)), 'ok')
  assert.equal(bodyOf(await send(carrier)), 'ok')
  assert.equal(sockets.length, 2)
  await until(() => closed() === 2)
})

test('what comes behind an answer is nobody’s: the next request gets a connection of its own', async (t) => {
  const stray = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray'
  const { url, sockets } = await startTcp(t, (socket) => onRequests(socket, () => socket.write(`${ok}${stray}`)))
  const { carrier } = carrierTo(t, url)
  assert.equal(bodyOf(await send(carrier)), 'ok')
  assert.equal(bodyOf(await send(carrier)), 'ok')
  assert.equal(sockets.length, 2)
})

test('what comes on an idle connection closes it', async (t) => {
  const { url, sockets } = await startTcp(t, (socket) => onRequests(socket, () => socket.write(ok)))
  const { carrier, closed } = carrierTo(t, url)
  await send(carrier)
  sockets[0]?.write('HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n')
  await until(() => closed() === 1)
  assert.equal(bodyOf(await send(carrier)), 'ok')
  assert.equal(sockets.length, 2)
})

test('an upstream that closes an idle connection costs the next request nothing', async (t) => {
  const { url, sockets } = await startTcp(t, (socket) => onRequests(socket, () => socket.write(ok)))
  const { carrier, closed } = carrierTo(t, url)
  await send(carrier)
  sockets[0]?.end()
  await until(() => closed() === 1)
  assert.equal(bodyOf(await send(carrier)), 'ok')
})

test('a connection that breaks as a request is sent fails that request, once, and serves the next', async (t) => {
  let isFirst = true
  const { url } = await startTcp(t, (socket) => {
    onRequests(socket, () => {
      if (isFirst) socket.resetAndDestroy()
      else socket.write(ok)
      isFirst = false
    })
  })
  const { carrier } = carrierTo(t, url)
  const broken = new Note()
  assert.notEqual(errorOf(await send(carrier, broken)), 'none')
  assert.ok(broken.abort, 'it may have been sent')
  assert.equal(bodyOf(await send(carrier)), 'ok')
})

test('a target that nobody listens at fails the request before it is sent', async (t) => {
  const { carrier } = carrierTo(t, `http://127.0.0.1:${await freePort()}`)
  const note = new Note()
  assert.match(errorOf(await send(carrier, note)), /ECONNREFUSED/)
  assert.equal(note.abort, undefined)
})

test('an upstream is found by a name too', async (t) => {
  const { url } = await startTcp(t, (socket) => onRequests(socket, () => socket.write(ok)))
  const { carrier } = carrierTo(t, url.replace('127.0.0.1', 'localhost'))
  assert.equal(bodyOf(await send(carrier)), 'ok')
})

test('an abort ends the request and the connection, in the middle of the answer too', async (t) => {
  const { url, sockets } = await startTcp(t, (socket) => {
    onRequests(socket, () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbegun'))
  })
  const { carrier } = carrierTo(t, url)
  const note = new Note()
  carrier.carry(note)
  await until(() => note.chunks.length > 0)
  const closed = once(sockets[0] as Socket, 'close')
  note.abort?.()
  assert.match(errorOf(await note.told), /given up/)
  await closed
  assert.equal(note.ends, 1)
})

test('a request that was given up before its turn is not sent', async (t) => {
  const { url, sockets } = await startTcp(t, (socket) => onRequests(socket, () => socket.write(ok)))
  const { carrier } = carrierTo(t, url)
  const note = new Note()
  carrier.carry(note)
  note.isOver = true
  assert.match(errorOf(await note.told), /given up/)
  assert.equal(sockets.length, 0)
})

test('a request that cannot be written fails alone', async (t) => {
  const { url } = await startTcp(t, (socket) => onRequests(socket, () => socket.write(ok)))
  const { carrier } = carrierTo(t, url)
  const note = new Note({ headers: ['x-a', 'b\r\nx-c: d'] })
  assert.match(errorOf(await send(carrier, note)), /x-a/)
  assert.equal(note.abort, undefined)
  assert.equal(bodyOf(await send(carrier)), 'ok')
})

test('a body goes out whole, or in chunks as it streams', async (t) => {
  let seen = ''
  const { url } = await startTcp(t, (socket) => {
    socket.setEncoding('latin1')
    socket.on('data', (part) => {
      seen += part
      if (seen.endsWith('abc') || seen.endsWith('0\r\n\r\n')) socket.write(ok)
    })
  })
  const { carrier } = carrierTo(t, url)
  await send(carrier, new Note({ method: 'POST', body: Buffer.from('abc') }))
  assert.match(seen, /content-length: 3\r\n\r\nabc$/)
  seen = ''
  await send(carrier, new Note({ method: 'POST', body: Readable.from([Buffer.from('abc'), Buffer.from('de')]) }))
  assert.match(seen, /transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n$/)
})

test('a large body streams at the pace of the upstream', async (t) => {
  const bytes = 8 * 1024 * 1024
  let seen = 0
  let made = 0
  const { url, sockets } = await startTcp(t, (socket) => {
    socket.pause()
    socket.on('data', (part) => {
      seen += part.length
      if (seen > bytes) socket.end(ok)
    })
  })
  const { carrier } = carrierTo(t, url)
  const body = new Readable({
    read() {
      if (made < bytes) this.push(Buffer.alloc(65_536))
      else this.push(null)
      made += 65_536
    },
  })
  const note = new Note({ method: 'POST', body, headers: ['content-length', String(bytes)] })
  carrier.carry(note)
  await until(() => note.abort !== undefined && body.isPaused())
  assert.ok(made < bytes, 'nobody reads it, so it waits')
  sockets[0]?.resume()
  assert.equal(bodyOf(await note.told), 'ok')
})

test('a body that is not as long as was announced fails its request and the connection', async (t) => {
  for (const text of ['ab', 'abcd']) {
    const { url, sockets } = await startTcp(t, (socket) => void socket.resume())
    const { carrier } = carrierTo(t, url)
    const body = Readable.from([Buffer.from(text)])
    const note = new Note({ method: 'POST', body, headers: ['content-length', '3'] })
    assert.match(errorOf(await send(carrier, note)), /than announced/)
    await until(() => sockets[0]?.closed)
  }
})

test('an answer that comes before the end of the body is taken, and the connection is not used again', async (t) => {
  const { url, sockets } = await startTcp(t, (socket) => void socket.once('data', () => socket.write(ok)))
  const { carrier, closed } = carrierTo(t, url)
  const body = new Readable({ read() {} })
  body.push('a')
  assert.equal(bodyOf(await send(carrier, new Note({ method: 'POST', body }))), 'ok')
  assert.ok(body.destroyed)
  await until(() => closed() === 1)
  assert.equal(bodyOf(await send(carrier)), 'ok')
  assert.equal(sockets.length, 2)
})

test('an answer that is read slowly does not pile up', async (t) => {
  const bytes = 16 * 1024 * 1024
  let written = 0
  const { url } = await startTcp(t, (socket) => {
    const chunk = Buffer.alloc(65_536)
    const more = () => {
      while (written < bytes) {
        written += chunk.length
        if (!socket.write(chunk)) return
      }
    }
    socket.on('drain', more)
    onRequests(socket, () => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`)
      more()
    })
  })
  const { carrier } = carrierTo(t, url)
  const note = new Note()
  note.isReady = false
  carrier.carry(note)
  await until(() => note.chunks.length > 0)
  const held = note.chunks.length
  await until(() => written > 1024 * 1024) // the kernel's buffers take so much
  assert.equal(note.chunks.length, held)
  note.isReady = true
  note.resume()
  const told = await note.told
  assert.equal(bodyOf(told).length, bytes)
})

test('another protocol has the connection to itself, with what came along with its 101', async (t) => {
  const { url } = await startTcp(t, (socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\nhello ')
      socket.on('data', (part) => socket.write(part))
    })
  })
  const { carrier } = carrierTo(t, url)
  const told = await send(carrier, new Note({ upgrade: 'a' }))
  assert.ok('upgraded' in told)
  t.after(() => told.upgraded.destroy())
  let seen = ''
  told.upgraded.on('data', (part) => {
    seen += part
  })
  told.upgraded.write('world')
  await until(() => seen === 'hello world')
  carrier.destroy()
  assert.ok(!told.upgraded.destroyed, 'it is no longer the carrier’s')
})

test('closing waits for the request on the connection', async (t) => {
  const { url, sockets } = await startTcp(t, (socket) => void socket.resume())
  const { carrier } = carrierTo(t, url)
  const note = new Note()
  carrier.carry(note)
  await until(() => sockets.length > 0)
  const closing = carrier.close()
  sockets[0]?.write(ok)
  assert.equal(bodyOf(await note.told), 'ok')
  await closing
  await until(() => sockets[0]?.closed)
})

test('an idle connection is closed before the upstream does', async (t) => {
  const { url } = await startTcp(t, (socket) => {
    onRequests(socket, () => socket.write('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=2\r\nContent-Length: 2\r\n\r\nok'))
  })
  const { carrier, closed } = carrierTo(t, url)
  await send(carrier)
  assert.equal(closed(), 0)
  await until(() => closed() === 1)
})
