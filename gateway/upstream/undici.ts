import { Client, type Dispatcher } from 'undici'
import type { Carrier, OpenCarrier, Sendable } from './carrier.ts'

/** Carriers that are clients of undici. */
export function undiciCarriers(origin: string, options: Client.Options): OpenCarrier {
  return (onClose) => new UndiciCarrier(new Client(origin, options), onClose)
}

class UndiciCarrier implements Carrier {
  readonly #client: Client

  constructor(client: Client, onClose: () => void) {
    this.#client = client
    client.on('disconnect', onClose)
  }

  carry(request: Sendable): void {
    this.#client.dispatch(request.options as Dispatcher.DispatchOptions, request as Dispatcher.DispatchHandler) // its types lack servername, and know no callback that takes texts too
  }

  async close(): Promise<void> {
    await this.#client.close().catch(() => {}) // destroyed meanwhile: closed as well
  }

  destroy(): void {
    queueMicrotask(() => void this.#client.destroy().catch(() => {})) // not from within a handler of undici; what is closed already stays so
  }
}
