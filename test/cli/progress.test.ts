import {describe, expect, it} from 'vitest'

import type {ProgressEvent} from '../../src/model/progress.js'

import {
  advanceStage,
  describeStage,
  ProgressReporter,
  rateOf,
  startStage,
  summarizeStage,
} from '../../src/cli/progress.js'

const event = (completed: number, more: Partial<ProgressEvent> = {}): ProgressEvent => ({
  collection: 'Article',
  completed,
  stage: 'backup',
  total: 2000,
  ...more,
})

describe('a stage', () => {
  it('shows description, bar, percentage, n/total, rate, bytes and time left', () => {
    const state = advanceStage(startStage(event(0), 0), event(500, {bytes: 1_500_000}), 1000)
    expect(describeStage(state, 1000, {bar: true})).toBe(
      'Backing up Article  █████░░░░░░░░░░░░░░░  25 %  500/2,000 objects  500/s  1.5 MB  3.0 s left',
    )
    expect(describeStage(state, 1000, {bar: false})).toBe(
      'Backing up Article  25 %  500/2,000 objects  500/s  1.5 MB  3.0 s left',
    )
    expect(summarizeStage(state, 1000)).toBe('Backing up Article: 500 objects, 1.5 MB, 1.0 s (500/s)')
  })

  it('leaves out what is not known, and never shows more than 100 %', () => {
    const described = (first: ProgressEvent) => describeStage(startStage(first, 0), 5, {bar: false})
    expect(described(event(0, {total: undefined}))).toBe('Backing up Article')
    expect(described(event(7, {total: undefined, unit: 'tenants'}))).toBe('Backing up Article  7 tenants')
    expect(described(event(0, {total: 0}))).toContain('100 %  0/0')
    expect(described(event(2100))).toContain('100 %')
  })

  it('that waits says how long, and for whom', () => {
    const waitsFor = 'process 4711 on host-b, which holds backups/.lock'
    const of = (completed: number) => event(completed, {stage: 'wait', total: 30, unit: 'seconds', waitsFor})
    const state = advanceStage(startStage(of(2), 0), of(6), 4000)
    for (const bar of [true, false]) expect(describeStage(state, 4000, {bar})).toBe(`Waiting 6/30 s for ${waitsFor}`)
    expect(summarizeStage(state, 4000)).toBe(`Waited 6.0 s for ${waitsFor}`)
  })

  it('measures the rate over the last ten seconds, without what earlier runs did', () => {
    let state = startStage(event(1000, {resumed: 1000}), 0)
    expect(rateOf(state, 0)).toBeUndefined()
    for (let second = 1; second <= 60; second++)
      state = advanceStage(state, event(1000 + (second <= 40 ? 0 : (second - 40) * 10), {resumed: 1000}), second * 1000)
    expect(rateOf(state, 60_000)).toBeCloseTo(10, 5)
    expect(state.samples.length).toBeLessThan(20)
    expect(summarizeStage(state, 60_000)).toBe('Backing up Article: 1,200 objects (1,000 earlier), 1 min 00 s (3.3/s)')
  })

  it('keeps few samples however many events come', () => {
    let state = startStage(event(0), 0)
    for (let ms = 1; ms <= 20_000; ms++) state = advanceStage(state, event(ms), ms)
    expect(state.samples.length).toBeLessThan(250)
    expect(rateOf(state, 20_000)).toBeCloseTo(1000, -1)
  })
})

/** Back to the first column, and clear the line. */
const ERASE = '\r\u{1B}[2K'

function terminal(options: {columns?: number; isTTY?: boolean; plain?: boolean; quiet?: boolean} = {}) {
  const clock = {now: 0}
  const written: string[] = []
  const output = {
    columns: options.columns ?? 80,
    isTTY: options.isTTY,
    write(text: string) {
      written.push(text)
    },
  }
  return {clock, reporter: new ProgressReporter({...options, now: () => clock.now, output}), written}
}

describe('on a terminal', () => {
  it('redraws one line, at most ten times a second, within its width', () => {
    const {clock, reporter, written} = terminal({columns: 40, isTTY: true})
    for (let ms = 0; ms < 1000; ms++) {
      clock.now = ms
      reporter.update(event(ms))
    }

    expect(written.length).toBe(10)
    for (const text of written) {
      expect(text.startsWith(ERASE)).toBe(true)
      const line = text.slice(ERASE.length)
      expect(line).toMatch(/^[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] Backing up Article/u)
      expect(line.length).toBeLessThanOrEqual(39)
    }

    reporter.stop()
    expect(written.slice(10)).toEqual([ERASE, '✔ Backing up Article: 999 objects, 1.0 s (1,000/s)\n'])
  })

  it('puts warnings above the line, and leaves no summary of a stage that failed', () => {
    const {reporter, written} = terminal({isTTY: true})
    reporter.update(event(1))
    reporter.warn({message: 'gRPC cannot be reached.'})
    reporter.update(event(2))
    reporter.stop('failed')
    expect(written.slice(1, 3)).toEqual([ERASE, 'Warning: gRPC cannot be reached.\n'])
    expect(written.at(-1)).toBe(ERASE)
    expect(written.join('')).not.toContain('✔')
  })
})

describe('elsewhere', () => {
  it('prints at the start, at each tenth or ten seconds, and at the end', () => {
    const {clock, reporter, written} = terminal()
    for (let second = 0; second <= 100; second++) {
      clock.now = second * 1000
      reporter.update(event(second * 20))
    }

    reporter.stop()
    expect(written[0]).toBe('Backing up Article  0 %  0/2,000 objects…\n')
    expect(written.length).toBe(12)
    expect(written.at(-1)).toBe('Backing up Article: 2,000 objects, 1 min 40 s (20/s)\n')
    expect(written.join('')).not.toContain('\r')
  })

  it('prints two lines for what is over in no time', () => {
    const {reporter, written} = terminal()
    for (let done = 0; done <= 2000; done += 10) reporter.update(event(done))
    reporter.update(event(0, {stage: 'seal', total: undefined}))
    reporter.stop()
    expect(written).toEqual([
      'Backing up Article  0 %  0/2,000 objects…\n',
      'Backing up Article: 2,000 objects, 0.0 s\n',
      'Sealing Article…\n',
      'Sealing Article: 0.0 s\n',
    ])
  })

  it('is plain on a terminal with --json, and silent but for warnings with --quiet', () => {
    const plain = terminal({isTTY: true, plain: true})
    plain.reporter.update(event(1))
    expect(plain.written).toEqual(['Backing up Article  0 %  1/2,000 objects…\n'])
    const quiet = terminal({isTTY: true, quiet: true})
    quiet.reporter.update(event(1))
    quiet.reporter.stop()
    quiet.reporter.warn({message: 'Look.'})
    expect(quiet.written).toEqual(['Warning: Look.\n'])
  })
})
