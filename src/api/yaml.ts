// How manifests are read: YAML 1.1 as kubectl's parser has it (0644 is octal, yes and on are true), without those of its
// types that turn plain words into something else: y and n stay keys and names, 12:30 is no number in base 60, and a date
// stays the text that it is.
import { stringify } from 'yaml';
import type { ParseOptions, DocumentOptions, SchemaOptions, Tags } from 'yaml';

const surprising = ['tag:yaml.org,2002:timestamp', 'tag:yaml.org,2002:binary'];

function kept(tag: Tags[number]): Tags {
  if (typeof tag === 'string' || tag.collection) return [tag];
  if (surprising.includes(tag.tag) || tag.format === 'TIME') return [];
  if (tag.tag !== 'tag:yaml.org,2002:bool') return [tag];
  const yes = tag.test?.test('true') === true;
  return [
    { ...tag, test: yes ? /^(?:[Yy]es|YES|[Tt]rue|TRUE|[Oo]n|ON)$/ : /^(?:[Nn]o|NO|[Ff]alse|FALSE|[Oo]ff|OFF)$/ },
  ];
}

export const manifestYaml: ParseOptions & DocumentOptions & SchemaOptions = {
  version: '1.1',
  customTags: (tags: Tags): Tags => tags.flatMap(kept),
};

/**
 * A text that readers of YAML 1.1 and 1.2 understand alike: strings such as yes, 1_000 or 12:30 are in quotes. kubectl reads
 * 1.1, where `a: yes` would come back as true.
 */
export const yamlText = (value: unknown): string => stringify(value, { compat: 'yaml-1.1', lineWidth: 0 });
