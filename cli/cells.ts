/** What clients chose is shown, never obeyed: a terminal takes control characters for commands. */
export function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, '\u{fffd}')
}

const marks = /\p{M}/gu
/** East Asian scripts and signs, their full-width forms, and emoji: a terminal gives each two cells. */
const wide =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u{3000}-\u{303e}\u{30fc}\u{ff01}-\u{ff60}\u{ffe0}-\u{ffe6}\p{Emoji_Presentation}]/gu

/** How many cells of a terminal a text takes. */
export function widthOf(text: string): number {
  const bare = text.replaceAll(marks, '')
  return [...bare].length + (bare.match(wide)?.length ?? 0)
}
