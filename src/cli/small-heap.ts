/** For commands that only read: memory that stays small though much passes through it. */
import {setFlagsFromString} from 'node:v8'

/** Keeps V8's space for young objects as small as it starts: what is read dies young, and a space that grows to tens of megabytes is only filled with it. */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}
