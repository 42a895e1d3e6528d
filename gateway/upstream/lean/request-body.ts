import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'

export interface RequestBody {
  /** The socket takes more. */
  goOn(): void
  /** Nothing more is sent of it. */
  stop(): void
}

/** Sends a body as it comes, at the pace of the socket. `onEnd` is called when all of it was handed over; `onFault` where it is not as long as was announced. */
export function sendBody(
  socket: Socket,
  body: Readable,
  length: number | 'chunked',
  { onEnd, onFault }: { onEnd(): void; onFault(error: Error): void },
): RequestBody {
  let sent = 0
  const onData = (chunk: Buffer): void => {
    if (chunk.length === 0) return // an empty chunk would end the body
    sent += chunk.length
    if (length !== 'chunked' && sent > length) return void onFault(new Error('The body is longer than announced.'))
    if (!write(socket, chunk, length === 'chunked')) body.pause()
  }
  const onBodyEnd = (): void => {
    if (length !== 'chunked' && sent < length) return void onFault(new Error('The body is shorter than announced.'))
    if (length === 'chunked') socket.write('0\r\n\r\n', 'latin1')
    onEnd()
  }
  body.on('data', onData).on('end', onBodyEnd)
  return {
    goOn: () => void body.resume(),
    stop: () => void body.off('data', onData).off('end', onBodyEnd).destroy(),
  }
}

function write(socket: Socket, chunk: Buffer, isChunked: boolean): boolean {
  if (!isChunked) return socket.write(chunk)
  socket.cork()
  socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1')
  socket.write(chunk)
  const takesMore = socket.write('\r\n', 'latin1')
  socket.uncork()
  return takesMore
}
