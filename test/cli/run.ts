import { main } from '../../cli/penstock.ts'

/** Runs a command line in this process, as a program that reads its output would, and keeps what it prints. */
export async function run(...args: string[]): Promise<{ code: number; out: string; errors: string }> {
  const out: string[] = []
  const errors: string[] = []
  const terminal = {
    out: (text: string) => void out.push(text),
    isTty: false,
    columns: 80,
    env: {},
    interrupted: new AbortController().signal,
  }
  const code = await main(args, terminal, (text) => void errors.push(text))
  return { code, out: out.join(''), errors: errors.join('') }
}
