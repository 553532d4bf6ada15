// What every runtime keeps to. The suite hands in its test functions, so that this file needs no test framework.
import type { OciConfig } from './config.ts';
import type { Exit, Runtime } from './runtime.ts';

export interface RuntimeContract {
  readonly runtime: Runtime;
  /** config for a program by its role. */
  config(id: string, program: 'exits-7' | 'ends-on-term' | 'stays' | 'missing'): OciConfig;
  logPath(id: string): string;
  /** What the suite's caller mounted for a container that is deleted now. */
  unmount(id: string): void;
}

type Test = (name: string, body: () => Promise<void>) => void;
type Equal = (seen: unknown, wanted: unknown) => void;

export function runtimeContract(make: () => RuntimeContract, test: Test, equal: Equal): void {
  const launch = async (c: RuntimeContract, id: string, program: Parameters<RuntimeContract['config']>[1]) => {
    c.runtime.prepare(id);
    const config = c.config(id, program);
    await c.runtime.create({ id, config, logPath: c.logPath(id), stdin: false, stdinOnce: false, record: { of: id } });
    await c.runtime.start(id);
  };
  const ended = (runtime: Runtime, wanted: string): Promise<Exit> =>
    new Promise((resolve) => runtime.onExit((id, exit) => void (id === wanted && resolve(exit))));
  const found = (runtime: Runtime, id: string) => runtime.list().find((x) => x.id === id);

  test('a program that ends says its code, once, and is listed with it', async () => {
    const c = make();
    const seen: number[] = [];
    c.runtime.onExit((id, exit) => void (id === 'c1' && seen.push(exit.code)));
    const exit = ended(c.runtime, 'c1');
    await launch(c, 'c1', 'exits-7');
    equal((await exit).code, 7);
    equal(found(c.runtime, 'c1')?.exit?.code, 7);
    equal(found(c.runtime, 'c1')?.record, { of: 'c1' });
    await c.runtime.delete('c1');
    equal(found(c.runtime, 'c1')?.deleted, true);
    await c.runtime.delete('c1');
    equal(seen, [7]);
    c.unmount('c1');
    await c.runtime.remove('c1');
    equal(found(c.runtime, 'c1'), undefined);
  });

  test('SIGTERM reaches a program that handles it, SIGKILL every one; a dead one takes no signal', async () => {
    const c = make();
    const gentle = ended(c.runtime, 'c2');
    const killed = ended(c.runtime, 'c3');
    await launch(c, 'c2', 'ends-on-term');
    await launch(c, 'c3', 'stays');
    equal(found(c.runtime, 'c3')?.state, 'running');
    equal(c.runtime.signal('c2', 15), true);
    equal((await gentle).code, 3);
    equal(c.runtime.signal('c3', 9), true);
    equal((await killed).code, 137);
    equal(c.runtime.signal('c3', 15), false);
    for (const id of ['c2', 'c3']) {
      await c.runtime.delete(id);
      c.unmount(id);
      await c.runtime.remove(id);
    }
  });

  test('a program that is not there fails at create or start with its name, and leaves nothing running', async () => {
    const c = make();
    const failure = await launch(c, 'c4', 'missing').then(
      () => 'started',
      (e: Error) => e.message,
    );
    equal(/not found|no such file/.test(failure), true);
    await c.runtime.delete('c4');
    c.unmount('c4');
    await c.runtime.remove('c4');
    equal(found(c.runtime, 'c4'), undefined);
  });
}
