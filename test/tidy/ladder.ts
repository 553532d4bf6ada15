// The import ladder: who may see whom, and why not more. A part sees itself and what stands in its row.

export interface Rung {
  readonly part: string;
  readonly sees: readonly string[];
  /** Said to whoever adds an edge that is not here. */
  readonly why: string;
}

/** Rows with `/*`: every folder below is a part of its own, and they never see each other. */
export const LADDER: readonly Rung[] = [
  { part: 'lib', sees: [], why: 'leaves without domain: what knows of Kubernetes is not one' },
  { part: 'api', sees: ['lib'], why: 'the vocabulary: everybody reads it, so it may depend on nobody' },
  {
    part: 'linux',
    sees: ['lib', 'api'],
    why: 'the kernel, as data and operations: it does not know who asks for them',
  },
  {
    part: 'client',
    sees: ['lib', 'api'],
    why: 'runs in the simulation and later in a browser: there is no kernel there, and it knows no server but the API',
  },
  { part: 'store', sees: ['lib', 'api', 'client'], why: 'keeps bytes by revision: whoever serves them is above it' },
  {
    part: 'apiserver',
    sees: ['lib', 'api', 'client', 'store'],
    why: 'a function of request and store: controllers and nodes meet it in API objects only, and it never touches the kernel',
  },
  {
    part: 'scheduler',
    sees: ['lib', 'api', 'client'],
    why: 'objects to bindings: it must work against any Kubernetes API, and in the simulation',
  },
  {
    part: 'controllers/*',
    sees: ['lib', 'api', 'client'],
    why: 'siblings meet in API objects, never in imports; the simulation runs them without a kernel',
  },
  {
    part: 'kubelet',
    sees: ['lib', 'api', 'linux', 'client'],
    why: 'it is given a network (inputs.ts) and an API: which ones is for cmd to say',
  },
  {
    part: 'network/*',
    sees: ['lib', 'api', 'linux', 'client'],
    why: 'the network half must work on any Kubernetes: nothing of our server or kubelet, and no part knows another',
  },
  {
    part: 'cli',
    sees: ['lib', 'api', 'client', 'network'],
    why: 'what is printed and asked: processes are started in cmd, the cluster is reached through the API',
  },
  { part: 'web', sees: ['lib', 'api', 'client', 'network'], why: 'runs in a browser' },
  {
    part: 'cmd',
    sees: [
      'lib',
      'api',
      'linux',
      'client',
      'store',
      'apiserver',
      'scheduler',
      'controllers',
      'kubelet',
      'network',
      'cli',
      'web',
    ],
    why: 'wiring: it sees everything, and nobody sees it',
  },
];

/** Packages that code without effects may use: they compute, and run in a browser. */
export const PURE_PACKAGES: ReadonlyMap<string, string> = new Map([
  ['kubernetes-types', 'types alone'],
  ['yaml', 'text to values and back'],
]);

/** Files longer than 400 lines that cannot be split, each with its reason. */
export const LONG_FILES: ReadonlyMap<string, string> = new Map([]);

/** Folders of src that no test imports from, each with its reason. */
export const FOLDERS_WITHOUT_TEST: ReadonlyMap<string, string> = new Map([
  ['src/cmd', 'wiring only: test/cluster runs it as processes'],
]);
