import { BodyCapture, type Held } from './body-capture.ts'
import type { Recording } from './recording.ts'

/** What is noted of one request while it passes, for its record’s detail. */
export class Capture {
  readonly recording: Recording
  readonly requestBody: BodyCapture | undefined
  readonly responseBody: BodyCapture | undefined
  /** Names and values in turn, as they went to the client; none where no answer began. */
  responseHeaders: readonly string[] = []
  /** Whether the answer is a stream of events: of those nothing is recorded. */
  isStream = false

  constructor(recording: Recording, held: Held) {
    this.recording = recording
    if (recording.requestBody) this.requestBody = new BodyCapture(recording.maxBytes, held)
    if (recording.responseBody) this.responseBody = new BodyCapture(recording.maxBytes, held)
  }

  /** The head of the answer goes to the client. */
  answered(headers: readonly string[]): void {
    this.responseHeaders = headers
    this.isStream = headerOf(headers, 'content-type').toLowerCase().startsWith('text/event-stream')
    if (this.isStream) this.release()
  }

  /** Lets go of the bodies. */
  release(): void {
    this.requestBody?.release()
    this.responseBody?.release()
  }
}

/** The values of a header, by its name in lower case; empty where it is not there. */
export function headerOf(headers: readonly string[], name: string): string {
  return headers.filter((_, index) => index % 2 === 1 && headers[index - 1]?.toLowerCase() === name).join(', ')
}
