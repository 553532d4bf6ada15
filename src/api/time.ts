// Instants and ages as the API and kubectl write them. Time itself is handed in.

const pad = (value: number, width: number): string => String(value).padStart(width, '0');

/** metav1.Time: 2026-11-23T10:00:00Z. */
export function rfc3339(nowMs: number): string {
  return `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
}

/** metav1.MicroTime: 2026-11-23T10:00:00.123000Z (Leases, events). */
export function rfc3339Micro(nowMs: number): string {
  const whole = Math.floor(nowMs);
  const micros = Math.floor((nowMs - whole) * 1000);
  return `${new Date(whole).toISOString().slice(0, 23)}${pad(micros, 3)}Z`;
}

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** ms since the epoch; NaN for text that is no RFC 3339 instant. */
export function parseTime(text: string): number {
  const match = RFC3339.exec(text);
  if (!match) return Number.NaN;
  // The 31st of a short month: Date.parse would roll it over, Go refuses it.
  if (Number(match[3]) > new Date(Date.UTC(Number(match[1]), Number(match[2]), 0)).getUTCDate()) return Number.NaN;
  return Date.parse(text);
}

/** '5m' or '5m3s': the smaller unit is left out when it is zero. */
const two = (big: number, bigUnit: string, small: number, smallUnit: string): string =>
  small === 0 ? `${big}${bigUnit}` : `${big}${bigUnit}${small}${smallUnit}`;

/** A duration as in kubectl's AGE column: fewer digits the longer it is. */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return two(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return two(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (days < 8) return two(days, 'd', hours % 24, 'h');
  if (days < 365 * 2) return `${days}d`;
  if (days < 365 * 8) return two(Math.floor(days / 365), 'y', days % 365, 'd');
  return `${Math.floor(days / 365)}y`;
}

/** Age of an instant for a table cell; no instant is '<unknown>'. */
export function age(timestamp: string | undefined, nowMs: number): string {
  return timestamp ? humanDuration(nowMs - parseTime(timestamp)) : '<unknown>';
}
