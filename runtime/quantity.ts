const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** Bytes for a person: three digits and a unit. */
export function bytesText(bytes: number): string {
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)))
  return `${(bytes / 1024 ** power).toLocaleString('en', { maximumSignificantDigits: 3 })} ${units[power]}`
}
