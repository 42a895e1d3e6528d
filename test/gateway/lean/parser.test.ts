import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type AnswerListener, AnswerParser } from '../../../gateway/upstream/lean/parser.ts'

/** What a listener was told, with a body's parts joined. */
class Heard implements AnswerListener {
  readonly events: string[] = []
  body = ''
  isReady = true

  onHead(status: number, raw: string[], keepAliveMs: number | undefined): void {
    this.events.push(`head ${status} ${raw.join('|')} ${keepAliveMs}`)
  }

  onBody(bytes: Buffer): boolean {
    this.body += bytes.toString('latin1')
    return this.isReady
  }

  onEnd(): void {
    this.events.push('end')
  }

  onUpgrade(status: number, _raw: string[], rest: Buffer): void {
    this.events.push(`upgrade ${status}`)
    this.body += rest.toString('latin1')
  }
}

interface Asked {
  readonly method?: string
  readonly upgrade?: boolean
}

/** All that is told of an answer that comes in these pieces, and of the connection's end behind it. */
function hear(pieces: readonly string[], { method = 'GET', upgrade = false }: Asked = {}): string[] {
  const heard = new Heard()
  const parser = new AnswerParser(heard)
  parser.expect(method, upgrade)
  const lent = Buffer.alloc(4096) // each packet comes in the same place, as from a connection
  try {
    for (const piece of pieces) {
      lent.fill('#')
      parser.take(lent.subarray(0, lent.write(piece, 'latin1')))
    }
    if (!heard.events.some((event) => event.startsWith('upgrade') || event === 'end')) parser.end()
  } catch (error) {
    heard.events.push(String(error))
  }
  return [...heard.events, heard.body, parser.isReusable ? 'again' : 'no more']
}

const ok = 'HTTP/1.1 200 OK\r\n'
const whole: Record<string, string> = {
  'a body of a given length': `${ok}Content-Length: 3\r\nKeep-Alive: timeout=5\r\n\r\nabc`,
  chunks: `${ok}Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n00A\r\n0123456789\r\n0\r\nX-T: u\r\nX-U: v\r\n\r\n`,
  'a body until the end': `${ok}X-A: b\r\n\r\nabc\r\n\r\nabc`,
  'interim answers': `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n${ok}Content-Length: 0\r\n\r\n`,
  'an answer without a body': 'HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\nTransfer: chunked\r\n\r\n',
  'a fault in the head': `${ok}X-A : b\r\n\r\n`,
  'a fault in a chunk': `${ok}Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n`,
  'an answer cut short': `${ok}Content-Length: 9\r\n\r\nabc`,
}

for (const [name, bytes] of Object.entries(whole)) {
  test(`${name}: however it is cut into packets, it is the same`, () => {
    const expected = hear([bytes])
    assert.deepEqual(hear([...bytes]), expected, 'byte by byte')
    fc.assert(
      fc.property(fc.array(fc.nat({ max: bytes.length }), { maxLength: 8 }), (cuts) => {
        const at = cuts.sort((a, b) => a - b)
        assert.deepEqual(hear([0, ...at].map((from, i) => bytes.slice(from, at[i] ?? bytes.length))), expected)
      }),
    )
  })
}

test('a connection is used again after an answer that ends by itself', () => {
  assert.deepEqual(hear([`${ok}Content-Length: 1\r\n\r\na`]), [
    'head 200 Content-Length|1 undefined',
    'end',
    'a',
    'again',
  ])
})

for (const [name, { bytes, ...asked }] of Object.entries<Asked & { bytes: string }>({
  'that says so': { bytes: `${ok}Connection: close\r\nContent-Length: 0\r\n\r\n` },
  'that says so among others': {
    bytes: `${ok}Connection: x, Close\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n`,
  },
  'of HTTP/1.0': { bytes: 'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n' },
  'with something behind it': { bytes: `${ok}Content-Length: 1\r\n\r\nab` },
  'with something behind its chunks': { bytes: `${ok}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n\r\n` },
  'to HEAD, as some servers send its body': { bytes: `${ok}Content-Length: 0\r\n\r\n`, method: 'HEAD' },
  'that does not change the protocol as it was asked to': { bytes: `${ok}Content-Length: 0\r\n\r\n`, upgrade: true },
})) {
  test(`a connection is not used again after an answer ${name}`, () => {
    const told = hear([bytes], asked)
    assert.equal(told.at(-1), 'no more')
    assert.ok(told.includes('end'))
  })
}

test('an HTTP/1.0 connection that says it is kept is used again', () => {
  assert.equal(hear(['HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n']).at(-1), 'again')
})

test('an upstream that keeps connections for a second or less is not trusted to keep them at all', () => {
  for (const seconds of [0, 1])
    assert.match(hear([`${ok}Keep-Alive: max=9, timeout=${seconds}\r\nContent-Length: 0\r\n\r\n`])[0] ?? '', / 0$/)
  assert.match(hear([`${ok}Keep-Alive: timeout=61\r\nContent-Length: 0\r\n\r\n`])[0] ?? '', / 60000$/)
})

test('an interim answer with a body is refused, as nobody knows where it ends', () => {
  assert.match(hear([`HTTP/1.1 103 Early Hints\r\nContent-Length: 3\r\n\r\nabc`]).join(), /AnswerError/)
})

test('another protocol begins right behind its 101, in the same packet or later', () => {
  const head = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n'
  assert.deepEqual(hear([`${head}abc`], { upgrade: true }), ['upgrade 101', 'abc', 'no more'])
  assert.deepEqual(hear([...head], { upgrade: true }), ['upgrade 101', '', 'no more'])
})

test('a head or line that grows too large is refused before it has come whole', () => {
  const line = 'a'.repeat(3000)
  const endless = (start: string) => hear([start, ...Array.from({ length: 20 }, () => line)]).join()
  assert.match(endless(`${ok}X-A: `), /head is too large/)
  assert.match(endless(`${ok}Transfer-Encoding: chunked\r\n\r\n3;`), /line between chunks is too long/)
  const trailers = Array.from({ length: 20 }, () => `X-T: ${line}\r\n`)
  assert.match(hear([`${ok}Transfer-Encoding: chunked\r\n\r\n0\r\n`, ...trailers]).join(), /trailers are too large/)
})

test('what cannot become a head is refused as soon as that is clear', () => {
  for (const bytes of ['SSH-', '\r\n', 'HTTP/2', `${ok}X-A: b\n`])
    assert.match(hear([bytes, 'x']).join(), /AnswerError: (?!The connection)/, bytes)
})

test('a listener that must wait is given nothing until it can go on, and then all of it in order', () => {
  const heard = new Heard()
  const parser = new AnswerParser(heard)
  parser.expect('GET', false)
  heard.isReady = false
  parser.take(Buffer.from(`${ok}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n`))
  assert.equal(heard.body, 'a')
  assert.ok(parser.isHeld)
  parser.resume()
  assert.equal(heard.body, 'ab')
  heard.isReady = true
  parser.resume()
  assert.equal(heard.body, 'abc')
  assert.equal(heard.events.at(-1), 'end')
  assert.ok(!parser.isHeld && parser.isReusable)
})

test('nobody is told of anything after the stop', () => {
  const heard = new Heard()
  const parser = new AnswerParser(heard)
  parser.expect('GET', false)
  parser.take(Buffer.from(`${ok}Content-Length: 3\r\n\r\na`))
  parser.stop()
  parser.take(Buffer.from('bc'))
  parser.end()
  assert.deepEqual([heard.body, heard.events.length], ['a', 1])
})
