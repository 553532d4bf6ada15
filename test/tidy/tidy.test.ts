// House rules as a test: what stands in STYLE.md and can be checked by reading the files.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { RULES, type SourceFile, TREE_RULES } from './rules.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What is tracked, or will be with the next `git add`. */
function tree(): SourceFile[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root });
  return listed
    .toString()
    .split('\0')
    .filter((path) => path !== '' && existsSync(`${root}/${path}`))
    .map((path) => ({ path, text: readFileSync(`${root}/${path}`, 'utf8') }))
    .filter((file) => !file.text.includes('\0'));
}

describe('the tree', () => {
  const files = tree();
  it.each(TREE_RULES.map((rule) => [rule.name, rule] as const))('%s', (_, rule) => {
    expect(rule.check(files).join('\n')).toBe('');
  });
});

describe('the rules bite', () => {
  const long = '//\n'.repeat(401);
  const cases: readonly (readonly [string, string, string, string | undefined])[] = [
    ['up the ladder', 'src/api/a.ts', `import { x } from '../client/b.ts';`, 'api imports client: the vocabulary'],
    ['down the ladder', 'src/kubelet/a.ts', `import { x } from '../client/b.ts';`, undefined],
    ['a part that has no rung', 'src/new/a.ts', `import { x } from '../api/b.ts';`, `'new' has no rung`],
    ['a sibling', 'src/scheduler/a.ts', `import { x } from '../store/b.ts';`, 'scheduler imports store'],
    [
      'a sibling of the network',
      'src/network/dns/a.ts',
      `} from '../proxy/b.ts';`,
      'network/dns imports network/proxy',
    ],
    ['the parts of the network', 'src/network/a.ts', `import { x } from './proxy/b.ts';`, undefined],
    ['the words of the network', 'src/network/dns/a.ts', `import { x } from '../hooks.ts';`, undefined],
    ['a type', 'src/lib/a.ts', `import type { X } from '../api/types.ts';`, 'lib imports api'],
    ['a late import', 'src/lib/a.ts', `const m = await import('../api/types.ts');`, 'lib imports api'],
    ['cmd', 'src/cli/a.ts', `import { x } from '../cmd/b.io.ts';`, 'cli imports cmd'],
    ['effects', 'src/client/a.ts', `import { x } from './b.io.ts';`, 'code without effects imports src/client/b.io.ts'],
    ['effects in effects', 'src/client/a.io.ts', `import { x } from './b.io.ts';`, undefined],
    ['effects in a test', 'src/client/a.test.ts', `import { x } from './b.io.ts';`, undefined],
    ['Node', 'src/client/a.ts', `import fs from 'node:fs';`, `imports 'node:fs'`],
    ['a package', 'src/client/a.ts', `import ws from 'ws';`, `imports 'ws'`],
    ['a package that computes', 'src/cli/a.ts', `import { parse } from 'yaml';`, undefined],
    ['Node with effects', 'src/client/a.io.ts', `import fs from 'node:fs';`, undefined],
    ['a long file', 'src/api/a.ts', long, '401 lines'],
    ['a file of 400 lines', 'src/api/a.ts', '//\n'.repeat(400), undefined],
    ['later', 'src/api/a.ts', '// TODO: x', 'finish it'],
    ['silenced', 'src/api/a.ts', 'x as any;', 'say what it is'],
    ['skipped', 'test/sim/a.test.ts', `it.skip('x')`, 'a test runs'],
    ['a machine', 'scripts/a.sh', 'cd /home/me', 'a path of one machine'],
    ['a path of the tree', 'src/api/a.ts', `import('./work/x.ts')`, undefined],
    ['a vague file', 'src/api/string-utils.ts', '', 'name its one job'],
    ['a vague folder', 'src/api/common/a.ts', '', 'name its one job'],
    ['a vague name', 'src/api/a.ts', 'export class PodManager {}', 'name its one job'],
    ['a host', 'package-lock.json', '"resolved": "https://example.org/x.tgz"', 'the registry that is configured'],
    ['an untested folder', 'src/linux/new/a.ts', '', 'src/linux/new:1: no test imports from it'],
  ];
  it.each(cases)('%s', (_, path, text, wanted) => {
    const said = RULES.flatMap((rule) => rule.check([{ path, text }])).filter(
      (line) => wanted === undefined || line.includes(wanted),
    );
    // A file alone in its folder has no test beside it: only that rule speaks of it.
    const meant = said.filter((line) => wanted?.includes('no test') || !line.includes('no test imports'));
    expect(meant).toEqual(wanted === undefined ? [] : [expect.stringContaining(wanted)]);
  });

  it('a part that imports what puts the parts together', () => {
    const files = [
      { path: 'src/network/ruleset.ts', text: `import { x } from './proxy/a.ts';` },
      { path: 'src/network/dns/b.ts', text: `import { y } from '../ruleset.ts';` },
      { path: 'src/network/dns/b.test.ts', text: `import { y } from '../ruleset.ts';` },
    ];
    expect(RULES[0]?.check(files)).toEqual([
      expect.stringContaining('src/network/dns/b.ts:1: network/dns imports src/network/ruleset.ts'),
    ]);
  });
});
