import { alertsCommand } from './alerts.ts'
import { auditCommand } from './audit.ts'
import { bufferCommand } from './buffer.ts'
import { checkCommand } from './check.ts'
import type { Command } from './command.ts'
import { deadCommand } from './dead.ts'
import { demoCommand } from './demo.ts'
import { doctorCommand } from './doctor.ts'
import { eraseCommand } from './erase.ts'
import { keysCommand } from './keys.ts'
import { replayCommand } from './replay.ts'
import { resendCommand } from './resend.ts'
import { sinksCommand } from './sinks.ts'
import { startCommand } from './start.ts'
import { tapCommand } from './tap.ts'
import { testCommand } from './test.ts'
import { topCommand } from './top.ts'
import { usageCommand } from './usage.ts'

/** Every command there is, in the order of the help. */
export const commands = {
  start: startCommand,
  demo: demoCommand,
  check: checkCommand,
  doctor: doctorCommand,
  top: topCommand,
  test: testCommand,
  alerts: alertsCommand,
  keys: keysCommand,
  sinks: sinksCommand,
  dead: deadCommand,
  buffer: bufferCommand,
  tap: tapCommand,
  audit: auditCommand,
  resend: resendCommand,
  erase: eraseCommand,
  usage: usageCommand,
  replay: replayCommand,
} satisfies Record<string, Command>
