import type { IncomingMessage } from 'node:http'
import type { Detail } from '../../record/fields.ts'
import type { Privacy } from '../privacy/privacy.ts'
import type { Redaction } from '../privacy/redaction.ts'
import { parseContentType, toText } from './body-text.ts'
import { type Capture, headerOf } from './capture.ts'
import type { Decoded, Decoding } from './decoding.ts'

/** A body as far as it was captured. */
interface CapturedBody {
  readonly part: 'requestBody' | 'responseBody'
  readonly bytes: Buffer
  readonly isCut: boolean
  /** Of the whole body, as far as it came. */
  readonly totalBytes: number
  readonly contentType: string
  readonly coding: string
}

export interface Captured {
  readonly capture: Capture
  readonly request: IncomingMessage
  /** From its question mark; empty where there is none. */
  readonly query: string
  readonly privacy: Privacy
  /** Texts that must not appear, such as the client’s address where records do not have it. */
  readonly hidden: readonly string[]
  readonly bytesIn: number
  readonly bytesOut: number
  /** Whether the bodies came to their ends. */
  readonly isRequestWhole: boolean
  readonly isResponseWhole: boolean
}

/** A detail that still may change. */
type Draft = { -readonly [K in keyof Detail]: Detail[K] } & { truncated: string[]; omitted: Record<string, string> }

/** What was captured of a request, without its secrets; null where nothing of it is to be recorded. */
export async function toDetail(captured: Captured, decoding: Decoding): Promise<Detail | null> {
  const { capture, request, query, privacy, hidden } = captured
  if (capture.isStream) return null
  const redaction = privacy.redaction()
  for (const text of hidden) redaction.hide(text)
  const draft: Draft = { truncated: [], omitted: {} }
  // All headers are judged, also those that are not recorded: a body may repeat what is secret in them.
  const requestHeaders = redactHeaders(request.rawHeaders, redaction, privacy)
  const responseHeaders = redactHeaders(capture.responseHeaders, redaction, privacy)
  redaction.body('form', query.slice(1)) // it is not recorded, but a body may repeat it as well
  for (const body of bodiesOf(captured)) {
    await addBody(draft, body, redaction, (coding) => decoding.decode(body.bytes, coding, capture.recording.maxBytes))
  }
  addHeaders(draft, 'requestHeaders', requestHeaders, captured)
  addHeaders(draft, 'responseHeaders', responseHeaders, captured)
  return finish(draft, redaction)
}

function bodiesOf(captured: Captured): CapturedBody[] {
  const { capture, request, bytesIn, bytesOut } = captured
  const bodies: CapturedBody[] = []
  const add = (part: CapturedBody['part'], isWhole: boolean, totalBytes: number, headers: readonly string[]) => {
    const body = capture[part]
    if (!body || totalBytes === 0) return
    const contentType = headerOf(headers, 'content-type')
    const coding = headerOf(headers, 'content-encoding').trim().toLowerCase()
    bodies.push({ part, bytes: body.bytes, isCut: body.isCut || !isWhole, totalBytes, contentType, coding })
  }
  add('requestBody', captured.isRequestWhole, bytesIn, request.rawHeaders)
  add('responseBody', captured.isResponseWhole, bytesOut, capture.responseHeaders)
  return bodies
}

/** Undefined where the coding is not known. */
type Decode = (coding: string) => Promise<Decoded> | undefined

async function addBody(draft: Draft, body: CapturedBody, redaction: Redaction, decode: Decode): Promise<void> {
  const { part, totalBytes, coding } = body
  const { type, kind, charset } = parseContentType(body.contentType)
  const omit = (what: string) => {
    draft.omitted[part] = `${what}, ${totalBytes} bytes`
  }
  if (!kind) return omit(type)
  const isEncoded = coding !== '' && coding !== 'identity'
  const decoded = isEncoded ? await decode(coding) : body
  if (!decoded) return omit(`${type} encoded as ${coding}`)
  const text = toText(decoded.bytes, charset)
  if (text === undefined) return omit(`${type}, not a text in ${charset}`)
  const redacted = redaction.body(kind, text)
  if (redacted.text === '' && type === '') return omit('no content type')
  draft[part] = redacted.text
  if (body.isCut || decoded.isCut || !redacted.isWhole) draft.truncated.push(part)
}

/** By names in lower case; several values of one name are one, as HTTP has it. */
function redactHeaders(raw: readonly string[], redaction: Redaction, privacy: Privacy): Map<string, string> {
  const headers = new Map<string, string>()
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase() // names and values alternate
    const value = String(raw[i + 1])
    const redacted = redaction.header(name, name === 'referer' ? privacy.referer(value) : value)
    const before = headers.get(name)
    headers.set(name, before === undefined || before === redacted ? redacted : `${before}, ${redacted}`)
  }
  return headers
}

function addHeaders(
  draft: Draft,
  part: 'requestHeaders' | 'responseHeaders',
  headers: ReadonlyMap<string, string>,
  { capture }: Captured,
): void {
  const wanted = capture.recording.headers
  if (wanted === false || headers.size === 0) return
  draft[part] = Object.fromEntries([...headers].filter(([name]) => wanted === true || wanted.has(name)))
}

function finish({ truncated, omitted, ...parts }: Draft, redaction: Redaction): Detail {
  const detail: Partial<Draft> = {}
  for (const part of ['requestHeaders', 'responseHeaders'] as const) {
    const headers = parts[part]
    if (headers) detail[part] = mapValues(headers, (text) => redaction.finished(text, false))
  }
  for (const part of ['requestBody', 'responseBody'] as const) {
    const body = parts[part]
    if (body !== undefined) detail[part] = redaction.finished(body, truncated.includes(part))
  }
  if (truncated.length > 0) detail.truncated = truncated
  if (Object.keys(omitted).length > 0) detail.omitted = mapValues(omitted, (text) => redaction.finished(text, false))
  return detail
}

function mapValues(texts: Readonly<Record<string, string>>, change: (text: string) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, change(text)]))
}
