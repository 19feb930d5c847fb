import {expect, it} from 'vitest'

import {shortestFloat32} from '../../src/testing/values.js'

it.each([
  // What Go 1.26 prints (encoding/json): of two equally near the even one.
  [-419_662.875, -419_662.88],
  [419_662.875, 419_662.88],
  [-419_662.625, -419_662.62],
  [419_662.125, 419_662.12],
  [262_144.375, 262_144.38],
  [300_000.625, 300_000.62],
  [-300_000.625, -300_000.62],
  [Math.fround(52.3667), 52.3667],
  [0.5, 0.5],
  [-1, -1],
])('prints the float32 %d as the server does', (value, expected) => {
  expect(shortestFloat32(value)).toBe(expected)
})
