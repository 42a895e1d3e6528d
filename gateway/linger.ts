import type { Socket } from 'node:net'
import type { Exchange } from './exchange.ts'

/** 64 KiB: a rest of a body that is read and thrown away, to keep the connection. */
const drainBytes = 65_536
/** 2 s: how long a client is listened to after an answer that came before its body's end. Closed at once, its system would throw the answer away unread. */
const lingerMs = 2_000

/** Decides, before an answer's head is written, whether the connection outlives it. */
export function prepareConnection(exchange: Exchange): void {
  const { request, response, core } = exchange
  if (core.isDraining) response.shouldKeepAlive = false
  if (request.complete) return
  response.on('finish', () => request.resume()) // what is left of the body is thrown away
  if (!hasMuchToCome(exchange)) return
  response.shouldKeepAlive = false
  if (response.socket) response.socket.destroySoon = closeLater
}

function hasMuchToCome({ request, bytesIn, expectsContinue }: Exchange): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
  if (encoding !== undefined) return true
  if (length === undefined) return false
  return expectsContinue || Number(length) - bytesIn > drainBytes
}

/** Says that there is nothing more to come, and goes on reading for a while what the client still sends. */
function closeLater(this: Socket): void {
  this.end()
  const timer = setTimeout(() => this.destroy(), lingerMs)
  this.once('close', () => clearTimeout(timer))
}
