// The worker's loop: what came in since the last commit is one commit.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { type Engine, openEngine, storeError } from './engine.io.ts';
import type { ReadRequest, StoreOpened, StoreReply, StoreRequest, StoreWorkerData, WriteRequest } from './messages.ts';

export function runStoreWorker(): void {
  const port = parentPort;
  if (!port) throw new Error('the store worker is started by openSqliteStore');
  const { path, maxBytes } = workerData as StoreWorkerData;
  let engine: Engine;
  try {
    engine = openEngine(path, maxBytes);
  } catch (e) {
    const { code, message } = storeError(e, path);
    port.postMessage({ error: { code, message } } satisfies StoreOpened);
    port.close();
    return;
  }
  port.postMessage({ revision: engine.revision, compacted: engine.compacted } satisfies StoreOpened);
  serve(port, engine, path);
}

function serve(port: MessagePort, engine: Engine, path: string): void {
  let queue: StoreRequest[] = [];
  let scheduled = false;
  const sweep = (): void => {
    // Writes go first: a step of the compaction runs only when nothing waits.
    if (queue.length > 0) return;
    try {
      if (engine.sweep()) setImmediate(sweep);
    } catch {
      // A full disk also refuses to delete. What is compacted is already unreadable; the next turn sweeps on.
    }
  };

  const flush = (): void => {
    scheduled = false;
    const requests = queue;
    queue = [];
    const replies: StoreReply[] = [];
    let writes: WriteRequest[] = [];
    const commit = (): void => {
      if (writes.length > 0) replies.push(...engine.write(writes));
      writes = [];
    };
    let closing: number | undefined;
    for (const r of requests) {
      if (r.op === 'write') writes.push(r);
      else {
        // A read sees the writes that were sent before it.
        commit();
        if (r.op === 'close') closing = r.id;
        else replies.push(read(engine, r, path));
      }
    }
    commit();
    if (closing !== undefined) {
      engine.close();
      replies.push({ id: closing });
    }
    port.postMessage(replies);
    if (closing !== undefined) port.close();
    else setImmediate(sweep);
  };

  port.on('message', (request: StoreRequest) => {
    queue.push(request);
    if (scheduled) return;
    scheduled = true;
    // After all messages that have arrived by now: they share the commit.
    setImmediate(flush);
  });
}

function read(engine: Engine, r: ReadRequest, path: string): StoreReply {
  try {
    switch (r.op) {
      case 'get':
        return { id: r.id, result: engine.get(r.key) };
      case 'range':
        return { id: r.id, result: engine.range(r.prefix, r.options) };
      case 'log':
        return { id: r.id, result: engine.log(r.prefix, r.after) };
      default:
        engine.compact(r.revision);
        return { id: r.id };
    }
  } catch (e) {
    const { code, message } = storeError(e, path);
    return { id: r.id, error: { code, message } };
  }
}
