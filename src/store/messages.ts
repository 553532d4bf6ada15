// What the store's two threads say to each other. The worker owns the database; the main thread owns the watchers.
import type { Entry, Expect, RangeOptions, RangeResult, StoreErrorCode, StoreEvent, WriteResult } from './types.ts';

export interface WriteRequest {
  readonly id: number;
  readonly op: 'write';
  readonly key: string;
  /** undefined: delete. */
  readonly value: string | undefined;
  readonly expect: Expect;
}

export type ReadRequest =
  | { readonly id: number; readonly op: 'range'; readonly prefix: string; readonly options: RangeOptions }
  | { readonly id: number; readonly op: 'get'; readonly key: string }
  | { readonly id: number; readonly op: 'log'; readonly prefix: string; readonly after: number }
  | { readonly id: number; readonly op: 'compact'; readonly revision: number };

export type StoreRequest = WriteRequest | ReadRequest | { readonly id: number; readonly op: 'close' };

/** Answers of one commit, or of one read, in the order of the requests. */
export interface StoreReply {
  readonly id: number;
  readonly result?: WriteResult | RangeResult | Entry | readonly StoreEvent[];
  readonly error?: { readonly code: StoreErrorCode; readonly message: string };
}

/** First message of the worker: it is open, or why not. */
export type StoreOpened =
  | { readonly revision: number; readonly compacted: number }
  | { readonly error: { readonly code: StoreErrorCode; readonly message: string } };

export interface StoreWorkerData {
  readonly path: string;
  /** Upper limit of the database's size; tests fill it up. */
  readonly maxBytes?: number;
}
