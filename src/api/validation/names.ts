// The formats of names, keys and values. Each answers with upstream's sentences about what is wrong: empty is good.

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const DNS1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const QUALIFIED = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const LABEL_VALUE = `(${QUALIFIED})?`;
const CONFIG_KEY = '[-._a-zA-Z0-9]+';

const whole = (pattern: string): RegExp => new RegExp(`^${pattern}$`);
const RE = {
  label: whole(LABEL),
  subdomain: whole(SUBDOMAIN),
  dns1035: whole(DNS1035),
  qualified: whole(QUALIFIED),
  labelValue: whole(LABEL_VALUE),
  configKey: whole(CONFIG_KEY),
};

const encoder = new TextEncoder();
export const byteLength = (text: string): number => encoder.encode(text).length;

const tooLong = (max: number): string => `must be no more than ${max} bytes`;
const EMPTY = 'must be non-empty';

/** "what (e.g. 'a', or 'b', regex used for validation is 'r')" as upstream closes every format message. */
function format(what: string, pattern: string, ...examples: string[]): string {
  // The comma and the two spaces are upstream's.
  const said = examples.map((example) => `'${example}', `).join(' or ');
  return `${what} (e.g. ${said}regex used for validation is '${pattern}')`;
}

export function isDns1123Label(value: string): string[] {
  const errors: string[] = [];
  if (byteLength(value) > 63) errors.push(tooLong(63));
  if (!RE.label.test(value)) {
    const what = RE.subdomain.test(value)
      ? 'must not contain dots'
      : format(
          "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
          LABEL,
          'my-name',
          '123-abc',
        );
    errors.push(what);
  }
  return errors;
}

export function isDns1123Subdomain(value: string): string[] {
  const errors: string[] = [];
  if (byteLength(value) > 253) errors.push(tooLong(253));
  if (!RE.subdomain.test(value)) {
    errors.push(
      format(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
        SUBDOMAIN,
        'example.com',
      ),
    );
  }
  return errors;
}

export function isDns1035Label(value: string): string[] {
  const errors: string[] = [];
  if (byteLength(value) > 63) errors.push(tooLong(63));
  if (!RE.dns1035.test(value)) {
    errors.push(
      format(
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
        DNS1035,
        'my-name',
        'abc-123',
      ),
    );
  }
  return errors;
}

const NAME_PART =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

/** A label or annotation key: name, or prefix/name. */
export function isQualifiedName(value: string): string[] {
  const parts = value.split('/');
  const errors: string[] = [];
  let name = value;
  if (parts.length === 2) {
    const [prefix = '', rest = ''] = parts;
    name = rest;
    if (prefix === '') errors.push(`prefix part ${EMPTY}`);
    else errors.push(...isDns1123Subdomain(prefix).map((text) => `prefix part ${text}`));
  } else if (parts.length > 2) {
    const said = format(`a qualified name ${NAME_PART}`, QUALIFIED, 'MyName', 'my.name', '123-abc');
    return [`${said} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  if (name === '') errors.push(`name part ${EMPTY}`);
  else if (byteLength(name) > 63) errors.push(`name part ${tooLong(63)}`);
  if (!RE.qualified.test(name)) {
    errors.push(`name part ${format(NAME_PART, QUALIFIED, 'MyName', 'my.name', '123-abc')}`);
  }
  return errors;
}

export function isLabelValue(value: string): string[] {
  const errors: string[] = [];
  if (byteLength(value) > 63) errors.push(tooLong(63));
  if (!RE.labelValue.test(value)) {
    errors.push(
      format(
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        LABEL_VALUE,
        'MyValue',
        'my_value',
        '12345',
      ),
    );
  }
  return errors;
}

/** Key of a ConfigMap or Secret: it becomes a file name. */
export function isConfigKey(value: string): string[] {
  const errors: string[] = [];
  if (byteLength(value) > 253) errors.push(tooLong(253));
  if (!RE.configKey.test(value)) {
    errors.push(
      format(
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        CONFIG_KEY,
        'key.name',
        'KEY_NAME',
        'key-name',
      ),
    );
  }
  if (value === '.') errors.push("must not be '.'");
  else if (value === '..') errors.push("must not be '..'");
  else if (value.startsWith('..')) errors.push("must not start with '..'");
  return errors;
}

/** Any printable ASCII but '=' (the rule since v1.32; before that: identifiers only). */
export function isEnvVarName(value: string): string[] {
  return /^[ -<>-~]+$/.test(value)
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

/** Name of a port: a service name of RFC 6335. */
export function isPortName(value: string): string[] {
  const errors: string[] = [];
  if (value.length > 15) errors.push('must be no more than 15 bytes');
  if (!/^[-a-z0-9]+$/.test(value)) {
    errors.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  }
  if (!/[a-z]/.test(value)) errors.push('must contain at least one letter (a-z)');
  if (value.includes('--')) errors.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) errors.push('must not begin or end with a hyphen');
  return errors;
}

export function isPortNumber(value: number): string[] {
  return value >= 1 && value <= 65535 ? [] : ['must be between 1 and 65535, inclusive'];
}
