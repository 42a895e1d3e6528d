import { type Browser, chromium } from 'playwright-core'
import { installed } from './provision.ts'

const program = '/usr/bin/chromium'

/** A headless browser with a profile of its own; closing it removes both. */
export async function openBrowser(): Promise<Browser & AsyncDisposable> {
  await installed({ name: 'chromium', files: [program] })
  return await chromium.launch({
    executablePath: program,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}
