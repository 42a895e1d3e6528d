import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Exchange } from '../exchange.ts'
import type { AnswerHead } from './answer-head.ts'

/**
 * Joins the client's and the upstream's connection: from now on the gateway only passes bytes on. The request ends with
 * the handshake, and so does its record: how long the connection lives says nothing about how fast the answer was.
 */
export function openTunnel(exchange: Exchange, { status, headers }: AnswerHead, upstream: Duplex): void {
  const { upgrade, response, core, snapshot } = exchange
  if (!upgrade) return void upstream.destroy()
  const { socket, head, protocol } = upgrade
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, 'connection: upgrade', `upgrade: ${protocol}`]
  for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`)
  exchange.settle(status, 'ok')
  if (response.socket) response.detachSocket(response.socket)
  socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  exchange.finish()
  core.tunnels.add(socket)
  socket.setTimeout(snapshot.timeouts.tunnelIdleMs, () => socket.destroy()) // all bytes of both ways pass it
  join(socket, upstream, () => core.tunnels.delete(socket))
  if (head.length > 0) upstream.write(head)
}

/** Passes bytes both ways at the pace of the slower side, until either side ends. */
function join(client: Duplex, upstream: Duplex, onEnd: () => void): void {
  for (const [from, to] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    from.pipe(to)
    from.on('error', () => to.destroy())
    from.on('close', () => {
      closeSoon(to)
      onEnd()
    })
  }
}

/** Closes when all that was written is out. */
function closeSoon(socket: Duplex): void {
  if (socket.writableFinished) return void socket.destroy()
  socket.on('finish', () => socket.destroy())
  socket.end()
}
