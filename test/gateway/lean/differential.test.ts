import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { carryOnce, lean, onRequests, startTcp, type Told, undici } from './carried.ts'

/*
  The same bytes from an upstream, read by undici and by our own client. Ours may refuse what undici takes; where it takes
  an answer, undici takes the same one.
*/

interface Case {
  readonly bytes: string
  readonly method?: string
  readonly lean: 'answers' | 'refuses'
  readonly undici: 'answers' | 'refuses'
}

const ok = 'HTTP/1.1 200 OK\r\n'
const chunked = `${ok}Transfer-Encoding: chunked\r\n\r\n`
const answers = (bytes: string, method = 'GET'): Case => ({ bytes, method, lean: 'answers', undici: 'answers' })
const refuses = (bytes: string, method = 'GET'): Case => ({ bytes, method, lean: 'refuses', undici: 'refuses' })
/** Two readers could take it for two different things, so ours refuses it. */
const refusesAlone = (bytes: string, method = 'GET'): Case => ({ bytes, method, lean: 'refuses', undici: 'answers' })

const cases: Record<string, Case> = {
  'a body of a given length': answers(`${ok}Content-Length: 3\r\nX-A: b\r\n\r\nabc`),
  'an empty body': answers(`${ok}Content-Length: 0\r\n\r\n`),
  'a body that ends with the connection': answers(`${ok}X-A: b\r\n\r\nabc`),
  'no header at all': answers('HTTP/1.1 200 OK\r\n\r\nabc'),
  'no reason': answers('HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\na'),
  'HTTP/1.0': answers('HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc'),
  'HTTP/1.0 that ends with the connection': answers('HTTP/1.0 200 OK\r\n\r\nabc'),
  'a value with blanks around it': answers(`${ok}X-A: \t b c \t\r\nContent-Length: 0\r\n\r\n`),
  'an empty value': answers(`${ok}X-A:\r\nContent-Length: 0\r\n\r\n`),
  'bytes beyond ASCII in a value': answers(`${ok}X-A: \xe4\xff\r\nContent-Length: 0\r\n\r\n`),
  'several cookies': answers(`${ok}Set-Cookie: a=1\r\nset-cookie: b=2\r\nContent-Length: 0\r\n\r\n`),
  chunks: answers(`${chunked}3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n`),
  'chunks with extensions': answers(`${chunked}3;a=b\r\nabc\r\n0;c\r\n\r\n`),
  'chunks with trailers': answers(`${chunked}3\r\nabc\r\n0\r\nX-T: u\r\n\r\n`),
  'chunk sizes with zeros in front': answers(`${chunked}003\r\nabc\r\n000\r\n\r\n`),
  'an interim answer before': answers(`HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n${ok}Content-Length: 1\r\n\r\na`),
  '100 Continue that nobody asked for': refuses(`HTTP/1.1 100 Continue\r\n\r\n`),
  'HEAD with a length': answers(`${ok}Content-Length: 3\r\n\r\n`, 'HEAD'),
  'HEAD with chunks announced': answers(`${ok}Transfer-Encoding: chunked\r\n\r\n`, 'HEAD'),
  'HEAD with a body all the same': answers(`${ok}Content-Length: 3\r\n\r\nabc`, 'HEAD'),
  '204': answers('HTTP/1.1 204 No Content\r\n\r\n'),
  '304 with a length': {
    bytes: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n',
    lean: 'answers', // it is that of the body that a 200 would have (RFC 9110, 15.4.5)
    undici: 'refuses',
  },
  'something behind the end': answers(`${ok}Content-Length: 1\r\n\r\na${ok}Content-Length: 1\r\n\r\nb`),
  'something behind the last chunk': answers(`${chunked}1\r\na\r\n0\r\n\r\n${ok}\r\n`),

  'both Content-Length and Transfer-Encoding': refuses(
    `${ok}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ),
  'Transfer-Encoding before Content-Length': refuses(
    `${ok}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n`,
  ),
  'two Content-Lengths that differ': refuses(`${ok}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`),
  'the same Content-Length twice': refuses(`${ok}Content-Length: 1\r\nContent-Length: 1\r\n\r\na`),
  'a list as Content-Length': refuses(`${ok}Content-Length: 1, 1\r\n\r\na`),
  'a Content-Length with a sign': refuses(`${ok}Content-Length: +1\r\n\r\na`),
  'a negative Content-Length': refuses(`${ok}Content-Length: -1\r\n\r\na`),
  'a hexadecimal Content-Length': refuses(`${ok}Content-Length: 0x1\r\n\r\na`),
  'an empty Content-Length': refuses(`${ok}Content-Length:\r\n\r\na`),
  'a Content-Length beyond all numbers': refuses(`${ok}Content-Length: 99999999999999999999\r\n\r\na`),
  'a transfer coding other than chunked': refusesAlone(`${ok}Transfer-Encoding: gzip\r\n\r\na`),
  'a coding before chunked': refusesAlone(`${ok}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`),
  'a coding after chunked': refusesAlone(`${ok}Transfer-Encoding: chunked, gzip\r\n\r\na`),
  'chunked twice': refusesAlone(`${ok}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
  'chunked with HTTP/1.0': refusesAlone('HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
  'a folded header': refuses(`${ok}X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n`),
  'a header that begins with a blank': refuses(`${ok} X-A: b\r\nContent-Length: 0\r\n\r\n`),
  'a blank before the colon': refuses(`${ok}X-A : b\r\nContent-Length: 0\r\n\r\n`),
  'a header without a colon': refuses(`${ok}X-A\r\nContent-Length: 0\r\n\r\n`),
  'a header without a name': refuses(`${ok}: b\r\nContent-Length: 0\r\n\r\n`),
  'a bare line feed after the status': refuses('HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n'),
  'a bare line feed after a header': refuses(`${ok}X-A: b\nContent-Length: 0\r\n\r\n`),
  'bare line feeds only': refuses('HTTP/1.1 200 OK\nContent-Length: 1\n\na'),
  'a bare carriage return in a header': refuses(`${ok}X-A: b\rc\r\nContent-Length: 0\r\n\r\n`),
  'a zero byte in a header': refuses(`${ok}X-A: b\0c\r\nContent-Length: 0\r\n\r\n`),
  'a control character in the reason': refusesAlone('HTTP/1.1 200 O\x01K\r\nContent-Length: 0\r\n\r\n'),
  'a line before the status': refusesAlone(`\r\n${ok}Content-Length: 0\r\n\r\n`),
  'another version': refusesAlone('HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n'),
  'another protocol': refuses('SSH-2.0-OpenSSH_9.2\r\n'),
  'a status of two digits': refuses('HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n'),
  'a status of four digits': refuses('HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n'),
  'a status that is no number': refuses('HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n'),
  'two blanks before the status': refuses('HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n'),
  'a chunk size that is no number': refuses(`${chunked}z\r\nabc\r\n0\r\n\r\n`),
  'a chunk size with a sign': refuses(`${chunked}+3\r\nabc\r\n0\r\n\r\n`),
  'a chunk size with a prefix': refuses(`${chunked}0x3\r\nabc\r\n0\r\n\r\n`),
  'a chunk size that overflows': refuses(`${chunked}10000000000000003\r\nabc\r\n0\r\n\r\n`),
  'an empty chunk size': refuses(`${chunked}\r\nabc\r\n0\r\n\r\n`),
  'a chunk size in a bare line feed': refuses(`${chunked}3\nabc\r\n0\r\n\r\n`),
  'a chunk longer than it says': refuses(`${chunked}3\r\nabcd\r\n0\r\n\r\n`),
  'a chunk that ends in a bare line feed': refuses(`${chunked}3\r\nabc\n0\r\n\r\n`),
  'a bare carriage return in an extension': refuses(`${chunked}3;a\rb\r\nabc\r\n0\r\n\r\n`),
  'a blank before an extension': refuses(`${chunked}3 ;a\r\nabc\r\n0\r\n\r\n`),
  'a blank in an extension': refuses(`${chunked}3; a\r\nabc\r\n0\r\n\r\n`),
  'an extension without a name': refuses(`${chunked}3;\r\nabc\r\n0\r\n\r\n`),
  'a trailer that is none': refuses(`${chunked}0\r\nX T: u\r\n\r\n`),
  'a bare line feed after a trailer': refuses(`${chunked}0\r\nX-T: u\n\r\n`),
  'a body cut short': refuses(`${ok}Content-Length: 3\r\n\r\nab`),
  'chunks cut short': refuses(`${chunked}3\r\nabc\r\n`),
  'chunks without their last line': refuses(`${chunked}3\r\nabc\r\n0\r\n`),
  'a head cut short': refuses(`${ok}Content-Length: 3\r\n`),
  nothing: refuses(''),
  'a protocol that nobody asked for': refuses(
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n',
  ),
  'a head beyond 32 KiB': refuses(`${ok}X-A: ${'a'.repeat(33_000)}\r\nContent-Length: 0\r\n\r\n`),
  'headers beyond 32 KiB': refusesAlone(`${ok}${'X-A: b\r\n'.repeat(5000)}Content-Length: 0\r\n\r\n`),
}

/** Answers each request with the bytes in the given parts, and closes. */
async function startAnswering(t: TestContext) {
  let parts: readonly string[] = []
  const answer = async (socket: Socket) => {
    for (const part of parts) {
      socket.write(part, 'latin1')
      await turn()
    }
    socket.end()
  }
  const { url } = await startTcp(t, (socket) => onRequests(socket, () => void answer(socket)))
  return {
    url,
    willAnswer(...next: readonly string[]) {
      parts = next
    },
  }
}

function kindOf(told: Told): 'answers' | 'refuses' {
  return 'status' in told ? 'answers' : 'refuses'
}

/** undici leaves tabs at the end of a value. */
async function askUndici(url: string, method: string): Promise<Told> {
  const told = await carryOnce(undici(url), { method })
  return 'status' in told ? { ...told, headers: told.headers.map((text) => text.replace(/[\t ]+$/, '')) } : told
}

for (const [name, { bytes, method = 'GET', lean: ours, undici: theirs }] of Object.entries(cases)) {
  test(`an upstream sends ${name}: the client ${ours}, undici ${theirs}`, async (t) => {
    const upstream = await startAnswering(t)
    upstream.willAnswer(bytes)
    const told = await carryOnce(lean(upstream.url), { method })
    const toldByUndici = await askUndici(upstream.url, method)
    assert.equal(kindOf(told), ours, JSON.stringify(told))
    assert.equal(kindOf(toldByUndici), theirs, JSON.stringify(toldByUndici))
    if (ours === theirs && ours === 'answers') assert.deepEqual(told, toldByUndici)
  })
}

const name = fc.constantFrom(
  'X-A',
  'Content-Type',
  'Content-Length',
  'Transfer-Encoding',
  'Connection',
  'Keep-Alive',
  'x_b',
)
const value = fc.constantFrom(
  '',
  'a',
  '0',
  '3',
  '03',
  '3, 3',
  'chunked',
  'Chunked',
  'gzip, chunked',
  'close',
  'keep-alive',
  'timeout=5',
  '\xe4',
  ' a ',
)
const header = fc.tuple(name, value).map(([n, v]) => `${n}: ${v}\r\n`)
const status = fc.constantFrom(
  'HTTP/1.1 200 OK',
  'HTTP/1.1 200',
  'HTTP/1.0 200 OK',
  'HTTP/1.1 204 No',
  'HTTP/1.1 304 Not',
  'HTTP/1.1 103 Hints',
  'HTTP/1.1 500 ',
)
const body = fc.constantFrom(
  '',
  'a',
  'abc',
  'abcdef',
  '3\r\nabc\r\n0\r\n\r\n',
  '3;x=y\r\nabc\r\n0\r\nX-T: u\r\n\r\n',
  '0\r\n\r\n',
  '3\r\nab',
  ok,
)
const answer = fc
  .tuple(status, fc.array(header, { maxLength: 4 }), body)
  .map(([line, headers, rest]) => `${line}\r\n${headers.join('')}\r\n${rest}`)
/** A character put in, taken out or replaced. */
const change = fc.record({
  at: fc.nat(),
  take: fc.nat({ max: 1 }),
  put: fc.constantFrom('', '\r', '\n', '\r\n', ' ', '\t', ':', ';', ',', '0', '1', 'a', '\0', '\x80'),
})
const damaged = fc.tuple(answer, fc.array(change, { maxLength: 2 })).map(([bytes, changes]) =>
  changes.reduce((text, { at, take, put }) => {
    const place = at % (text.length + 1)
    return text.slice(0, place) + put + text.slice(place + take)
  }, bytes),
)

test('whatever an upstream sends, in whatever pieces: an answer that the client takes is the one that undici takes', async (t) => {
  const upstream = await startAnswering(t)
  await fc.assert(
    fc.asyncProperty(
      damaged,
      fc.constantFrom('GET', 'HEAD', 'POST'),
      fc.array(fc.nat(), { maxLength: 4 }),
      async (bytes, method, cuts) => {
        const at = cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b)
        upstream.willAnswer(...[0, ...at].map((from, i) => bytes.slice(from, at[i] ?? bytes.length)))
        const told = await carryOnce(lean(upstream.url), { method })
        if (kindOf(told) === 'refuses') return
        upstream.willAnswer(bytes)
        const theirs = await askUndici(upstream.url, method)
        const isBodyless = 'status' in told && [204, 304].includes(told.status) // see above: undici takes its Content-Length for that of a body
        if (!isBodyless || kindOf(theirs) === 'answers') assert.deepEqual(told, theirs)
      },
    ),
    { numRuns: 1000, seed: 26 },
  )
})
