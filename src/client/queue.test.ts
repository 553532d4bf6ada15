import { describe, expect, it } from 'vitest';
import { WorkQueue } from './queue.ts';

describe('WorkQueue', () => {
  it('holds each key once and gives them in order of arrival', () => {
    const q = new WorkQueue();
    for (const key of ['b', 'a', 'b']) q.add(key, 0);
    expect([q.take(0), q.take(0), q.take(0)]).toEqual([{ key: 'b' }, { key: 'a' }, undefined]);
  });

  it('gives a key that changed while it was worked on once more, after that', () => {
    const q = new WorkQueue();
    q.add('a', 0);
    q.take(0);
    q.add('a', 0);
    expect(q.take(0)).toBeUndefined();
    q.done('a', 5);
    expect(q.take(5)).toEqual({ key: 'a' });
  });

  it('keeps appointments, the earliest of several', () => {
    const q = new WorkQueue();
    q.addAt('a', 100);
    q.addAt('a', 50);
    q.addAt('a', 80);
    expect(q.take(10)).toEqual({ dueMs: 50 });
    expect(q.take(50)).toEqual({ key: 'a' });
    q.addAt('a', 70);
    q.done('a', 60);
    expect(q.take(60)).toEqual({ dueMs: 70 });
    q.add('a', 61);
    expect(q.take(61)).toEqual({ key: 'a' });
  });

  it('waits longer after each failure, not after a success', () => {
    const q = new WorkQueue();
    const fail = (nowMs: number): number => {
      q.add('a', nowMs);
      q.take(nowMs);
      return q.failed('a', nowMs);
    };
    expect([fail(0), fail(100), fail(200)]).toEqual([20, 40, 80]);
    q.add('a', 300);
    q.take(300);
    q.done('a', 300);
    expect(fail(400)).toBe(20);
    for (let i = 0; i < 30; i++) fail(1000 + i);
    expect(fail(2000)).toBe(30_000);
  });

  it('gives the lowest rank first', () => {
    const q = new WorkQueue();
    for (const key of ['low', 'high', 'high2']) q.add(key, 0);
    const rank = (key: string): number => (key.startsWith('high') ? -10 : 0);
    expect([q.take(0, rank), q.take(0, rank), q.take(0, rank)]).toEqual([
      { key: 'high' },
      { key: 'high2' },
      { key: 'low' },
    ]);
  });
});
