// What form the client asks the answer in (Accept), and the forms that a body may come in.
import { notAcceptable } from './errors.ts';

/** Table and PartialObjectMetadata are views of an object; 'object' is itself. */
export type View = 'object' | 'Table' | 'PartialObjectMetadata';

export type Format = 'json' | 'yaml' | 'protobuf';

export interface Accepted {
  readonly view: View;
  /** Of the Table or PartialObjectMetadata: v1 or v1beta1. */
  readonly metaVersion: string;
  readonly format: Format;
}

export interface MediaType {
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
}

export const PROTOBUF = 'application/vnd.kubernetes.protobuf';

export const mediaTypes: Readonly<Record<Format, string>> = {
  json: 'application/json',
  yaml: 'application/yaml',
  protobuf: PROTOBUF,
};
const formats: Readonly<Record<string, Format>> = {
  'application/json': 'json',
  'application/yaml': 'yaml',
  [PROTOBUF]: 'protobuf',
  'application/*': 'json',
  '*/*': 'json',
};
const served = ['application/json', 'application/yaml'];
export const plain: Accepted = { view: 'object', metaVersion: 'v1', format: 'json' };

export function parseMediaTypes(header: string): MediaType[] {
  return header
    .split(',')
    .map((part) => {
      const [type = '', ...rest] = part.split(';').map((p) => p.trim());
      const parameters: Record<string, string> = {};
      for (const p of rest) {
        const at = p.indexOf('=');
        if (at > 0) parameters[p.slice(0, at).trim().toLowerCase()] = p.slice(at + 1).trim();
      }
      return { type: type.toLowerCase(), parameters };
    })
    .filter((m) => m.type !== '' && m.parameters.q !== '0');
}

/**
 * The first form of the list that is served; clients name their favourite first. A Table has no protobuf form, nor has a
 * kind that came without one.
 */
export function negotiate(accept: string | undefined, hasMessage: boolean): Accepted {
  if (accept === undefined || accept === '' || accept === 'application/json' || accept === '*/*') return plain;
  for (const { type, parameters } of parseMediaTypes(accept)) {
    const format = Object.hasOwn(formats, type) ? formats[type] : undefined;
    if (format === undefined || (format === 'protobuf' && !hasMessage)) continue;
    const as = parameters.as;
    if (as === undefined) return { ...plain, format };
    if (parameters.g !== 'meta.k8s.io' || (parameters.v !== 'v1' && parameters.v !== 'v1beta1')) continue;
    if (as === 'Table' && format !== 'protobuf') return { view: 'Table', metaVersion: parameters.v, format };
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') {
      return { view: 'PartialObjectMetadata', metaVersion: parameters.v, format };
    }
  }
  throw notAcceptable(hasMessage ? [...served, PROTOBUF] : served);
}
