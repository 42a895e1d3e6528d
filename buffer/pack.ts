import type { Detail, RequestRecord } from '../record/fields.ts'
import { packRecord, recordMaxBytes } from '../record/frame.ts'
import type { Texts } from '../record/texts.ts'

/** 256 Ki UTF-16 units, at most 768 KiB in UTF-8: both bodies of a record that was too large stay far below what a record may take. */
const keptBodyLength = 256 * 1024

/**
 * The bytes of a record that fits into a frame of its own together with the texts it adds to `texts`. Where it would not,
 * its detail gives way: the bodies are cut, and where that is not enough all of it goes; `truncated` names the parts.
 * Undefined where the record is too large without any detail, and then, as where it throws, `texts` are as they were.
 */
export function packToFit(record: RequestRecord, texts: Texts): Uint8Array | undefined {
  return packWithin(record, texts) ?? (record.detail ? packWithLess(record, record.detail, texts) : undefined)
}

function packWithLess(record: RequestRecord, detail: Detail, texts: Texts): Uint8Array | undefined {
  for (const less of [withBodiesCut(detail), withPartsNamed(detail)]) {
    const packed = packWithin({ ...record, detail: less }, texts)
    if (packed) return packed
  }
  return undefined
}

function packWithin(record: RequestRecord, texts: Texts): Uint8Array | undefined {
  const { size, bytes } = texts
  let packed: Uint8Array | undefined
  try {
    packed = packRecord(record, texts)
    if (packed.length + texts.bytes - bytes > recordMaxBytes) packed = undefined
    return packed
  } finally {
    if (!packed) texts.shrink(size)
  }
}

const bodies = ['requestBody', 'responseBody'] as const
const parts = ['requestHeaders', 'responseHeaders', ...bodies] as const

function withBodiesCut(detail: Detail): Detail {
  const cut: Detail = { ...detail }
  for (const name of bodies) {
    const body = detail[name]
    if (body === undefined || body.length <= keptBodyLength) continue
    cut[name] = body.slice(0, keptBodyLength).toWellFormed() // the cut may go through a character
    cut.truncated = named(cut.truncated, name)
  }
  return cut
}

function withPartsNamed(detail: Detail): Detail {
  const gone = parts.filter((name) => detail[name] !== undefined)
  return { truncated: gone.reduce(named, detail.truncated) ?? [] }
}

function named(truncated: string[] | undefined, name: string): string[] {
  return truncated?.includes(name) ? truncated : [...(truncated ?? []), name]
}
