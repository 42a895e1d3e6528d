import { connect as connectTcp, type OnReadOpts, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'

/** How connections to a target are opened. */
export interface Dial {
  /** Opens a socket; what comes on it goes to `onRead`. */
  open(onRead: OnReadOpts): Socket
  /** Emitted by the socket when it can be written to. */
  readonly readyEvent: 'connect' | 'secureConnect'
  /** Time to get ready, milliseconds. */
  readonly withinMs: number
  /** Host header of requests that bring none. */
  readonly host: string
}

export interface DialTls {
  readonly ca?: string
  /** Empty where no name is asked for. */
  readonly servername: string
  readonly rejectUnauthorized: boolean
}

/** `tls` is for https targets. */
export function dialTo({ hostname, port, host }: URL, withinMs: number, tls?: DialTls): Dial {
  const address = hostname.replace(/^\[|\]$/g, '')
  if (!tls) {
    const at = { host: address, port: Number(port || 80) }
    return { open: (onread) => connectTcp({ ...at, onread }), readyEvent: 'connect', withinMs, host }
  }
  let session: Buffer | undefined
  const options = { ...tls, host: address, port: Number(port || 443), ALPNProtocols: ['http/1.1'] }
  const open = (onread: OnReadOpts): Socket => {
    const socket = connectTls({ ...options, onread, ...(session && { session }) } as ConnectionOptions) // the types lack onread, the documentation has it
    socket.on('session', (next) => {
      session = next
    })
    return socket
  }
  return { open, readyEvent: 'secureConnect', withinMs, host }
}
