/** A screen of its own within the terminal; what stood there before comes back when it is disposed. */
export interface Screen extends Disposable {
  /** Writes the lines over those of before: what is the same does not flicker. */
  draw(lines: readonly string[]): void
}

const csi = '\u001B['
const enter = `${csi}?1049h${csi}?25l`
const leave = `${csi}?25h${csi}?1049l`
const home = `${csi}H`
const clearRestOfLine = `${csi}K`
const clearBelow = `${csi}J`

export function openScreen(out: (text: string) => void): Screen {
  out(enter)
  return {
    draw: (lines) => out(`${home}${lines.map((line) => `${line}${clearRestOfLine}`).join('\r\n')}${clearBelow}`),
    [Symbol.dispose]: () => out(leave),
  }
}
