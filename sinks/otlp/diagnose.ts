import { answerWithinMs, type Finding, failure, fine } from '../../runtime/finding.ts'
import type { OtlpOptions } from './options.ts'
import { addressOf, openSender } from './sender.ts'
import type { SignalName } from './signal.ts'

/** An export request without anything in it, as protobuf writes it. */
const empty = new Uint8Array()

/** Sends each signal's address a request with nothing in it, which every receiver takes and forgets. */
export async function diagnoseOtlp(options: OtlpOptions, signal: AbortSignal): Promise<readonly Finding[]> {
  await using sender = openSender({ ...options, timeoutMs: Math.min(options.timeoutMs, answerWithinMs) })
  const names = (['logs', 'traces', 'metrics'] as const).filter((name) => options[name])
  const examine = async (name: SignalName): Promise<Finding> => {
    const address = addressOf(name, options)
    try {
      await sender.send(name, empty, signal)
      return fine(name, `${address} takes them.`)
    } catch (error) {
      signal.throwIfAborted()
      const advice = `Start the receiver at ${address}, or mend what it says; meanwhile the records wait in the log.`
      return failure(name, error, advice)
    }
  }
  return await Promise.all(names.map(examine))
}
