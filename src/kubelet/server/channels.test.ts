import { describe, expect, it } from 'vitest';
import { chooseProtocol, decodeMessage, encodeMessage, endingBytes, parseTerminalSize } from './channels.ts';

const encoder = new TextEncoder();
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const named = (name: string): NonNullable<ReturnType<typeof chooseProtocol>> => {
  const protocol = chooseProtocol([name]);
  if (!protocol) throw new Error(`no protocol ${name}`);
  return protocol;
};

describe('channel protocols', () => {
  it("are chosen by the client's order", () => {
    expect(chooseProtocol(['v9.channel.k8s.io', 'v4.channel.k8s.io', 'v5.channel.k8s.io'])?.name).toBe(
      'v4.channel.k8s.io',
    );
    expect(chooseProtocol([])).toMatchObject({ name: '', status: false });
    expect(chooseProtocol(['chat'])).toBeUndefined();
  });

  it.each(['v5.channel.k8s.io', 'v4.base64.channel.k8s.io'])('%s carries every byte', (name) => {
    const data = Uint8Array.from({ length: 256 }, (_, i) => i);
    const message = encodeMessage(named(name), 1, data);
    expect(decodeMessage(named(name), message)).toEqual({ channel: 1, data });
  });

  it('write base64 as text after a digit', () => {
    expect(text(encodeMessage(named('base64.channel.k8s.io'), 2, encoder.encode('hi')))).toBe('2aGk=');
  });

  it('take no nonsense for a message', () => {
    expect(decodeMessage(named('v5.channel.k8s.io'), new Uint8Array(0))).toBeUndefined();
    expect(decodeMessage(named('base64.channel.k8s.io'), encoder.encode('x'))).toBeUndefined();
    expect(decodeMessage(named('base64.channel.k8s.io'), encoder.encode('0%%'))).toBeUndefined();
  });
});

describe('the ending of a session', () => {
  const status = (ending: Parameters<typeof endingBytes>[0]): unknown => JSON.parse(text(endingBytes(ending, true)));

  it('is a Status since v4', () => {
    expect(status({ exitCode: 0 })).toEqual({ metadata: {}, status: 'Success' });
    expect(status({ exitCode: 5 })).toMatchObject({
      status: 'Failure',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '5' }] },
    });
    expect(status({ failure: 'why' })).toMatchObject({
      status: 'Failure',
      reason: 'InternalError',
      message: 'Internal error occurred: why',
    });
  });

  it('is text before, and silent on success', () => {
    expect(text(endingBytes({ exitCode: 0 }, false))).toBe('');
    expect(text(endingBytes({ exitCode: 3 }, false))).toContain('exit status 3');
    expect(text(endingBytes({ failure: 'why' }, false))).toBe('why');
  });
});

describe('a terminal size', () => {
  it.each([
    ['{"Width":80,"Height":24}', { columns: 80, rows: 24 }],
    ['{"Width":0,"Height":24}', undefined],
    ['{"Width":80}', undefined],
    ['{"Width":70000,"Height":1}', undefined],
    ['80x24', undefined],
  ])('%s', (json, size) => {
    expect(parseTerminalSize(encoder.encode(json))).toEqual(size);
  });
});
