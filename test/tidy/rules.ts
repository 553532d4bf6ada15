// House rules as functions: the tree's files in, violations out, one line each: 'file:line: what is wrong, and why it matters'.
import { posix } from 'node:path';
import { FOLDERS_WITHOUT_TEST, LADDER, LONG_FILES, PURE_PACKAGES, type Rung } from './ladder.ts';

export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

export interface Rule {
  readonly name: string;
  check(files: readonly SourceFile[]): string[];
}

interface Import {
  readonly from: SourceFile;
  readonly line: number;
  /** Path in the tree, or the package's name. */
  readonly to: string;
  readonly bare: boolean;
}

const isTs = (path: string): boolean => path.endsWith('.ts');
const isTest = (path: string): boolean =>
  path.startsWith('test/') || path.endsWith('.test.ts') || path.includes('/testdata/');
/** A suite that the fake and the real implementation both pass: tests call it. */
const isContract = (path: string): boolean => path.endsWith('/contract.ts');
const isIo = (path: string): boolean => path.endsWith('.io.ts') || path.startsWith('src/cmd/');

function importsOf(files: readonly SourceFile[]): Import[] {
  return files
    .filter((f) => isTs(f.path))
    .flatMap((from) =>
      from.text.split('\n').flatMap((text, i) => {
        const found = [...text.matchAll(/(?:^|[\s}])(?:from|import)\s*\(?\s*'([^']+)'/g)].map((m) => m[1] ?? '');
        return found.map((target) => {
          const bare = !target.startsWith('.');
          return { from, line: i + 1, bare, to: bare ? target : posix.join(posix.dirname(from.path), target) };
        });
      }),
    );
}

/** src/network/dns/x.ts -> network/dns; src/network/x.ts -> network; src/api/defaults/x.ts -> api. */
function partOf(path: string): string {
  const [, top = '', second = '', third] = path.split('/');
  return third !== undefined && rungOf(`${top}/x`)?.part === `${top}/*` ? `${top}/${second}` : top;
}

const rungOf = (part: string): Rung | undefined =>
  LADDER.find((r) => r.part === part || (r.part.endsWith('/*') && part.startsWith(r.part.slice(0, -1)))) ??
  LADDER.find((r) => r.part === `${part}/*`);

const topOf = (part: string): string => part.split('/')[0] ?? '';

const ladder: Rule = {
  name: 'imports go down the ladder, and siblings never see each other',
  check(files) {
    const imports = importsOf(files).filter(
      (i) => i.from.path.startsWith('src/') && i.to.startsWith('src/') && !i.bare,
    );
    // Files beside the parts (network/ruleset.ts) put them together, or are words that they share: never both.
    const assemblies = new Set(
      imports
        .filter((i) => partOf(i.to) !== partOf(i.from.path) && topOf(partOf(i.to)) === partOf(i.from.path))
        .map((i) => i.from.path),
    );
    return imports.flatMap((i) => {
      const [from, to] = [partOf(i.from.path), partOf(i.to)];
      const rung = rungOf(from);
      const where = `${i.from.path}:${i.line}`;
      if (!rung) return [`${where}: '${from}' has no rung in test/tidy/ladder.ts`];
      if (from === to || rung.sees.includes(topOf(to))) return [];
      if (topOf(from) === topOf(to)) {
        // A test may look at its part inside the whole.
        const mayBeWhole = isTest(i.from.path) || !assemblies.has(i.to);
        if (from === topOf(to) || (to === topOf(to) && mayBeWhole)) return [];
        const what = to === topOf(to) ? `${i.to}, which puts its parts together` : to;
        return [`${where}: ${from} imports ${what}: ${rung.why}`];
      }
      return [`${where}: ${from} imports ${to}: ${rung.why}`];
    });
  },
};

const effects: Rule = {
  name: '*.io.ts is imported by cmd, tests and other *.io.ts alone: the rest receives an interface',
  check: (files) =>
    importsOf(files)
      .filter((i) => i.to.endsWith('.io.ts') && i.from.path.startsWith('src/'))
      .filter((i) => !isIo(i.from.path) && !isTest(i.from.path))
      .map((i) => `${i.from.path}:${i.line}: code without effects imports ${i.to}`),
};

const purity: Rule = {
  name: 'code without effects imports nothing of Node and no package with effects',
  check: (files) =>
    importsOf(files)
      .filter((i) => i.bare && i.from.path.startsWith('src/') && !isIo(i.from.path) && !isTest(i.from.path))
      .filter((i) => !PURE_PACKAGES.has(packageOf(i.to)) && !(isContract(i.from.path) && i.to === 'vitest'))
      .map(
        (i) =>
          `${i.from.path}:${i.line}: imports '${i.to}' (a *.io.ts may; packages that compute are in test/tidy/ladder.ts)`,
      ),
};

const packageOf = (target: string): string =>
  target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');

const MAX_LINES = 400;
const lengths: Rule = {
  name: `files have at most ${MAX_LINES} lines`,
  check: (files) =>
    files
      .filter((f) => /\.(ts|mjs|sh)$/.test(f.path) && !LONG_FILES.has(f.path))
      .flatMap((f) => {
        const lines = f.text.split('\n').length - 1;
        return lines > MAX_LINES ? [`${f.path}:${MAX_LINES + 1}: ${lines} lines: one file, one thing`] : [];
      }),
};

/** This folder says what is forbidden, so it is left out where words are looked for. */
const withoutRules = (files: readonly SourceFile[]): readonly SourceFile[] =>
  files.filter((f) => !f.path.startsWith('test/tidy/'));

const FORBIDDEN: readonly (readonly [RegExp, string])[] = [
  [/\b(TODO|FIXME|XXX)\b/, 'finish it, or refuse it by name'],
  [/@ts-(ignore|nocheck)/, 'the compiler is right, or the type is wrong'],
  [/\bas any\b/, 'say what it is'],
  [/\b(it|test|describe)\.(skip|only|todo)\b/, 'a test runs, or it is deleted'],
];
const words: Rule = {
  name: 'nothing is left for later, silenced or skipped',
  check: (files) =>
    linesMatching(
      withoutRules(files).filter((f) => /\.(ts|mjs|sh|md|ya?ml)$/.test(f.path)),
      FORBIDDEN,
    ),
};

const MACHINE_PATHS: readonly (readonly [RegExp, string])[] = [
  // A pod may have a /root of its own; dot files in it are somebody's.
  [/(?<![\w.*$}-])\/(?:(?:work|home)\/[\w.]|root\/\.)/, 'a path of one machine: it is not there on the next'],
];
const paths: Rule = {
  name: 'no path of one machine',
  check: (files) => linesMatching(withoutRules(files), MACHINE_PATHS),
};

function linesMatching(files: readonly SourceFile[], patterns: readonly (readonly [RegExp, string])[]): string[] {
  return files.flatMap((f) =>
    f.text.split('\n').flatMap((text, i) =>
      patterns.flatMap(([pattern, why]) => {
        const found = pattern.exec(text);
        return found ? [`${f.path}:${i + 1}: '${found[0]}': ${why}`] : [];
      }),
    ),
  );
}

const VAGUE = 'utils?|helpers?|common|managers?|misc';
const names: Rule = {
  name: 'no name that says nothing',
  check: (files) => {
    const vague = new RegExp(`(^|[-_.])(${VAGUE})([-_.]|$)`, 'i');
    const declared =
      /\b(?:class|interface|type|function|export const)\s+(\w*(?:Manager|Helpers?|Utils?)|helpers?|utils?|managers?|common)\b/;
    return withoutRules(files)
      .filter((f) => /^(src|test|scripts)\//.test(f.path))
      .flatMap((f) => {
        const path = f.path.split('/').some((segment) => vague.test(segment))
          ? [`${f.path}:1: a name for anything: name its one job`]
          : [];
        const inside = isTs(f.path) ? linesMatching([f], [[declared, 'a name for anything: name its one job']]) : [];
        return [...path, ...inside];
      });
  },
};

const lockFile: Rule = {
  name: 'package-lock.json names no host',
  check: (files) =>
    linesMatching(
      files.filter((f) => f.path === 'package-lock.json'),
      [[/"resolved":.*/, 'installing must ask the registry that is configured, not the one of whoever wrote the file']],
    ),
};

const tested: Rule = {
  name: 'every folder of src is tested, or says why not',
  check(files) {
    const sources = files.filter((f) => /^src\/.*\//.test(f.path) && isTs(f.path) && !isTest(f.path));
    const folders = new Set(sources.map((f) => posix.dirname(f.path)));
    const imports = importsOf(files).filter((i) => !i.bare);
    const seen = new Set(imports.filter((i) => isTest(i.from.path)).map((i) => i.to));
    // A folder counts as tested through the file above it that puts it in its place (controllers/index.ts).
    const below = imports.filter((i) => seen.has(i.from.path) && i.to.startsWith(`${posix.dirname(i.from.path)}/`));
    const covered = new Set([...seen, ...below.map((i) => i.to)].map((path) => posix.dirname(path)));
    return [...folders]
      .filter((folder) => !covered.has(folder) && !FOLDERS_WITHOUT_TEST.has(folder))
      .map((folder) => `${folder}:1: no test imports from it`);
  },
};

const stale: Rule = {
  name: 'exceptions are still needed',
  check(files) {
    const known = new Set(files.flatMap((f) => [f.path, posix.dirname(f.path)]));
    const lines = new Map(files.map((f) => [f.path, f.text.split('\n').length - 1]));
    return [
      ...[...LONG_FILES.keys()].filter((path) => (lines.get(path) ?? 0) <= MAX_LINES),
      ...[...FOLDERS_WITHOUT_TEST.keys()].filter((folder) => !known.has(folder)),
    ].map((path) => `test/tidy/ladder.ts:1: ${path} needs no exception`);
  },
};

export const RULES: readonly Rule[] = [ladder, effects, purity, lengths, words, paths, names, lockFile, tested];
/** Holds for the tree as a whole, not for a part of it. */
export const TREE_RULES: readonly Rule[] = [...RULES, stale];
