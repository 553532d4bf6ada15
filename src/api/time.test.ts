import { describe, expect, it } from 'vitest';
import { age, humanDuration, parseTime, rfc3339, rfc3339Micro } from './time.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('humanDuration', () => {
  it.each([
    [-2 * SECOND, '<invalid>'],
    [-1 * SECOND, '0s'],
    [-500, '0s'],
    [999, '0s'],
    [119 * SECOND, '119s'],
    [2 * MINUTE, '2m'],
    [2 * MINUTE + 5 * SECOND, '2m5s'],
    [9 * MINUTE + 59 * SECOND, '9m59s'],
    [10 * MINUTE + 30 * SECOND, '10m'],
    [179 * MINUTE, '179m'],
    [3 * HOUR, '3h'],
    [7 * HOUR + 59 * MINUTE, '7h59m'],
    [8 * HOUR + 59 * MINUTE, '8h'],
    [47 * HOUR, '47h'],
    [48 * HOUR, '2d'],
    [7 * DAY + 23 * HOUR, '7d23h'],
    [8 * DAY + 23 * HOUR, '8d'],
    [729 * DAY, '729d'],
    [730 * DAY, '2y'],
    [731 * DAY, '2y1d'],
    [8 * 365 * DAY + 300 * DAY, '8y'],
  ])('%d ms is %s', (ms, text) => expect(humanDuration(ms)).toBe(text));
});

describe('instants', () => {
  const ms = Date.UTC(2026, 10, 23, 10, 0, 1, 234);
  it('writes seconds and microseconds', () => {
    expect(rfc3339(ms)).toBe('2026-11-23T10:00:01Z');
    expect(rfc3339Micro(ms)).toBe('2026-11-23T10:00:01.234000Z');
    expect(rfc3339Micro(ms + 0.5)).toBe('2026-11-23T10:00:01.234500Z');
  });
  it('reads them back, with offsets', () => {
    expect(parseTime('2026-11-23T10:00:01.234567Z')).toBe(ms);
    expect(parseTime('2026-11-23T11:00:01+01:00')).toBe(ms - 234);
  });
  it.each(['', 'now', '2026-11-23', '2026-02-30T00:00:00Z', '2026-11-23T10:00:01'])('refuses %s', (text) =>
    expect(parseTime(text)).toBeNaN(),
  );
  it('says <unknown> for no instant', () => {
    expect(age(undefined, ms)).toBe('<unknown>');
    expect(age('2026-11-23T09:59:51Z', ms)).toBe('10s');
  });
});
