import { governedReadings } from './api/governed.ts'
import { groupReadings } from './api/groups.ts'
import { provisioningReadings } from './api/provisioning.ts'
import { ledgerReadings } from './api/ledger.ts'
import { mappingReadings } from './api/mapping.ts'
import { machineReadings } from './api/machines.ts'
import { rightsReadings } from './api/rights.ts'
import { signalReadings } from './api/signals.ts'
import { statusReadings } from './api/status.ts'
import type { Reading } from './reading.ts'

/** Everything that the API tells. */
export const readings: readonly Reading[] = [
  ...statusReadings,
  ...governedReadings,
  ...rightsReadings,
  ...groupReadings,
  ...provisioningReadings,
  ...mappingReadings,
  ...signalReadings,
  ...machineReadings,
  ...ledgerReadings,
]
