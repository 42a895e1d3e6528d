import type { AlertCase } from '../case.ts'
import { gatewayCases } from './gateway.ts'
import { pumpCases } from './pump.ts'
import { sloCases } from './slo.ts'
import { trafficCases } from './traffic.ts'

/** Every case of every alert. */
export const allCases: readonly AlertCase[] = [...sloCases, ...trafficCases, ...gatewayCases, ...pumpCases]
