// Defaults of Namespace, Node and Secret.
import type { Namespace, Node, Secret } from '../types.ts';
import { fill } from './fill.ts';

export function namespaceDefaults(namespace: Namespace): void {
  const { metadata } = namespace;
  // Policies select a namespace by its name through this label; nobody can give it another value.
  if (metadata.name) metadata.labels = { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name };
  namespace.spec ??= {};
  // Once it is being deleted, an empty list says that the contents are gone.
  if (!metadata.deletionTimestamp) fill(namespace.spec, { finalizers: ['kubernetes'] });
  namespace.status ??= {};
  fill(namespace.status, { phase: 'Active' });
}

export function nodeDefaults({ status }: Node): void {
  if (status?.capacity) fill(status, { allocatable: { ...status.capacity } });
}

const encoder = new TextEncoder();

export function base64(text: string): string {
  let bytes = '';
  for (const byte of encoder.encode(text)) bytes += String.fromCharCode(byte);
  return btoa(bytes);
}

export function secretDefaults(secret: Secret): void {
  fill(secret, { type: 'Opaque' });
  const { stringData } = secret;
  if (!stringData) return;
  // Write-only: merged over data, and never shown again.
  const encoded = Object.entries(stringData).map(([key, value]) => [key, base64(value)]);
  secret.data = { ...secret.data, ...Object.fromEntries(encoded) } as Record<string, string>;
  delete secret.stringData;
}
