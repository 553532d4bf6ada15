// resource.Quantity: '500m', '64Mi', '1e3'. Exact until the very end, because 0.1 + 0.2 must not cost a pod its limit.

const SHAPE = /^([+-]?)(\d+(?:\.\d*)?|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?$/;
const DECIMAL: readonly string[] = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const BINARY: readonly string[] = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

interface Parsed {
  /** In units of 10^-9, rounded away from zero: nothing finer exists upstream. */
  readonly nano: bigint;
  readonly format: 'decimal' | 'binary' | 'exponent';
}

const NANO = 1_000_000_000n;

function parse(text: string): Parsed | undefined {
  const match = SHAPE.exec(text);
  if (!match) return undefined;
  const [, sign, number = '', suffix = ''] = match;
  const [whole = '', fraction = ''] = number.split('.');
  let numerator = BigInt(whole + fraction || '0') * NANO;
  let denominator = 10n ** BigInt(fraction.length);
  let format: Parsed['format'] = 'decimal';
  if (BINARY.indexOf(suffix) > 0) {
    format = 'binary';
    numerator *= 1024n ** BigInt(BINARY.indexOf(suffix));
  } else if (DECIMAL.includes(suffix)) {
    const power = (DECIMAL.indexOf(suffix) - 3) * 3;
    if (power >= 0) numerator *= 10n ** BigInt(power);
    else denominator *= 10n ** BigInt(-power);
  } else {
    format = 'exponent';
    const power = Number(suffix.slice(1));
    if (Math.abs(power) > 100) return undefined;
    if (power >= 0) numerator *= 10n ** BigInt(power);
    else denominator *= 10n ** BigInt(-power);
  }
  const nano = (numerator + denominator - 1n) / denominator;
  return { nano: sign === '-' ? -nano : nano, format };
}

/** The value as a number; undefined: not a quantity. */
export function parseQuantity(text: string): number | undefined {
  const parsed = parse(text);
  if (!parsed) return undefined;
  const whole = parsed.nano / NANO;
  return Number(whole) + Number(parsed.nano - whole * NANO) / 1e9;
}

/** As the API server writes it back ('0.5' -> '500m', '1024Mi' -> '1Gi'); undefined: not a quantity. */
export function canonicalQuantity(text: string): string | undefined {
  const parsed = parse(text);
  if (!parsed) return undefined;
  const { nano } = parsed;
  if (nano === 0n) return '0';
  const magnitude = nano < 0n ? -nano : nano;
  if (parsed.format === 'binary' && magnitude >= 1024n * NANO) {
    let whole = (magnitude + NANO - 1n) / NANO;
    let unit = 0;
    while (whole % 1024n === 0n && unit < BINARY.length - 1) {
      whole /= 1024n;
      unit += 1;
    }
    return `${nano < 0n ? '-' : ''}${whole}${BINARY[unit]}`;
  }
  let mantissa = nano;
  let unit = 0;
  while (mantissa % 1000n === 0n && unit < DECIMAL.length - 1) {
    mantissa /= 1000n;
    unit += 1;
  }
  if (parsed.format !== 'exponent') return `${mantissa}${DECIMAL[unit]}`;
  const power = (unit - 3) * 3;
  return power === 0 ? String(mantissa) : `${mantissa}e${power}`;
}

/** An int or 'N%' of a total (maxSurge, maxUnavailable); throws on other text, which validation has refused before. */
export function intOrPercent(value: number | string, total: number, roundUp: boolean): number {
  if (typeof value === 'number') return value;
  const match = /^(\d+)%$/.exec(value);
  if (!match) throw new Error(`neither a number nor a percentage: ${value}`);
  const part = (Number(match[1]) * total) / 100;
  return roundUp ? Math.ceil(part) : Math.floor(part);
}
