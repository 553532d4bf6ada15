// What form the client asks the answer in (Accept), and the forms that a body may come in.
import { notAcceptable } from './errors.ts';

/** Table and PartialObjectMetadata are views of an object; 'object' is itself. */
export type View = 'object' | 'Table' | 'PartialObjectMetadata';

export interface Accepted {
  readonly view: View;
  /** Of the Table or PartialObjectMetadata: v1 or v1beta1. */
  readonly metaVersion: string;
  readonly yaml: boolean;
}

export interface MediaType {
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const served = ['application/json', 'application/yaml'];
const plain: Accepted = { view: 'object', metaVersion: 'v1', yaml: false };

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

/** The first form of the list that is served; clients name their favourite first. */
export function negotiate(accept: string | undefined): Accepted {
  if (accept === undefined || accept === '' || accept === 'application/json' || accept === '*/*') return plain;
  for (const { type, parameters } of parseMediaTypes(accept)) {
    const yaml = type === 'application/yaml';
    if (!yaml && type !== 'application/json' && type !== '*/*' && type !== 'application/*') continue;
    const as = parameters.as;
    if (as === undefined) return yaml ? { ...plain, yaml } : plain;
    if (parameters.g !== 'meta.k8s.io' || (parameters.v !== 'v1' && parameters.v !== 'v1beta1')) continue;
    if (as === 'Table') return { view: 'Table', metaVersion: parameters.v, yaml };
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') {
      return { view: 'PartialObjectMetadata', metaVersion: parameters.v, yaml };
    }
  }
  throw notAcceptable(served);
}
