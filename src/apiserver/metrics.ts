// /metrics: what the server counts itself, as Prometheus' text format.
import type { Context } from './context.ts';
import { KINDS } from '../api/kinds.ts';

export interface Metrics {
  count(verb: string, resource: string, code: number): void;
  text(ctx: Context): string;
}

export function createMetrics(): Metrics {
  const requests = new Map<string, number>();
  return {
    count(verb, resource, code) {
      const labels = `code="${code}",resource="${resource}",verb="${verb}"`;
      requests.set(labels, (requests.get(labels) ?? 0) + 1);
    },
    text(ctx) {
      const lines = ['# HELP apiserver_request_total Requests by verb, resource and code.'];
      lines.push('# TYPE apiserver_request_total counter');
      for (const [labels, n] of [...requests].sort(([a], [b]) => (a < b ? -1 : 1))) {
        lines.push(`apiserver_request_total{${labels}} ${n}`);
      }
      lines.push(
        '# HELP apiserver_storage_objects Stored objects by resource.',
        '# TYPE apiserver_storage_objects gauge',
      );
      for (const row of KINDS) {
        const resource = row.group === '' ? row.plural : `${row.plural}.${row.group}`;
        lines.push(`apiserver_storage_objects{resource="${resource}"} ${ctx.cache.resource(row).size}`);
      }
      lines.push('# HELP apiserver_watches Open watches.', '# TYPE apiserver_watches gauge');
      lines.push(`apiserver_watches ${ctx.streams.count}`);
      lines.push('# HELP apiserver_storage_revision Newest revision of the store.');
      lines.push('# TYPE apiserver_storage_revision gauge', `apiserver_storage_revision ${ctx.cache.revision()}`);
      return `${lines.join('\n')}\n`;
    },
  };
}
