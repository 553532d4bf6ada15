import { describe, expect, it } from 'vitest';
import { errorsOf, type Fields, IP, LABEL, PORT, updateErrors } from './sentences.ts';

/** A pod with one good container, and these fields over it. */
const pod = (spec: Fields, container: Fields = {}): Fields => ({
  spec: { containers: [{ name: 'c', image: 'i', ...container }], ...spec },
});
const C = 'spec.containers[0]';

describe('Pod', () => {
  it.each<[Fields, string[]]>([
    [pod({}), []],
    [{}, []],
    [pod({ containers: [] }), ['spec.containers: Required value']],
    [pod({}, { name: '' }), [`${C}.name: Required value`]],
    [pod({}, { name: 'A' }), [`${C}.name: Invalid value: "A": ${LABEL}`]],
    [pod({}, { image: '' }), [`${C}.image: Required value`]],
    [pod({}, { image: ' i' }), [`${C}.image: Invalid value: " i": must not have leading or trailing whitespace`]],
    [pod({ initContainers: [{ name: 'c', image: 'i' }] }), ['spec.initContainers[0].name: Duplicate value: "c"']],
    [
      pod({}, { imagePullPolicy: 'Sometimes' }),
      [`${C}.imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"`],
    ],
    [pod({}, { ports: [{ containerPort: 0 }] }), [`${C}.ports[0].containerPort: Required value`]],
    [pod({}, { ports: [{ containerPort: 70000 }] }), [`${C}.ports[0].containerPort: Invalid value: 70000: ${PORT}`]],
    [
      pod({}, { ports: [{ containerPort: 1, protocol: 'ICMP' }] }),
      [`${C}.ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"`],
    ],
    [
      pod(
        {},
        {
          ports: [
            { containerPort: 1, name: 'a' },
            { containerPort: 2, name: 'a' },
          ],
        },
      ),
      [`${C}.ports[1].name: Duplicate value: "a"`],
    ],
    [
      pod({}, { ports: [{ containerPort: 1, name: '12' }] }),
      [`${C}.ports[0].name: Invalid value: "12": must contain at least one letter (a-z)`],
    ],
    [
      pod({}, { ports: [{ containerPort: 1, name: 'this-is-too-long-' }] }),
      [
        `${C}.ports[0].name: Invalid value: "this-is-too-long-": must be no more than 15 bytes`,
        `${C}.ports[0].name: Invalid value: "this-is-too-long-": must not begin or end with a hyphen`,
      ],
    ],
    [pod({}, { env: [{ name: '' }] }), [`${C}.env[0].name: Required value`]],
    [
      pod({}, { env: [{ name: 'a=b' }] }),
      [
        `${C}.env[0].name: Invalid value: "a=b": a valid environment variable name must consist only of printable ASCII characters other than '='`,
      ],
    ],
    [
      pod({}, { env: [{ name: 'A', valueFrom: {} }] }),
      [
        `${C}.env[0].valueFrom: Invalid value: "": must specify one of: \`fieldRef\`, \`resourceFieldRef\`, \`configMapKeyRef\`, \`secretKeyRef\` or \`fileKeyRef\``,
      ],
    ],
    [
      pod({}, { env: [{ name: 'A', value: 'b', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }] }),
      [`${C}.env[0].valueFrom: Invalid value: "": may not be specified when \`value\` is not empty`],
    ],
    [
      pod({}, { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.x' } } }] }),
      [
        `${C}.env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.x": error converting fieldPath: field label not supported: spec.x`,
      ],
    ],
    [pod({}, { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: "metadata.labels['a']" } } }] }), []],
    [
      pod({}, { envFrom: [{}] }),
      [`${C}.envFrom[0]: Invalid value: "": must specify one of: \`configMapRef\` or \`secretRef\``],
    ],
    [pod({}, { volumeMounts: [{ name: 'v', mountPath: '/a' }] }), [`${C}.volumeMounts[0].name: Not found: "v"`]],
    [
      pod(
        { volumes: [{ name: 'v' }] },
        {
          volumeMounts: [
            { name: 'v', mountPath: '/a' },
            { name: 'v', mountPath: '/a', subPath: '../x' },
          ],
        },
      ),
      [
        `${C}.volumeMounts[1].mountPath: Invalid value: "/a": must be unique`,
        `${C}.volumeMounts[1].subPath: Invalid value: "../x": must not contain '..'`,
      ],
    ],
    [
      pod({ volumes: [{ name: 'v' }, { name: 'v', emptyDir: {}, secret: { secretName: 's' } }] }),
      [
        'spec.volumes[1].secret: Forbidden: may not specify more than 1 volume type',
        'spec.volumes[1].name: Duplicate value: "v"',
      ],
    ],
    [
      pod({ volumes: [{ name: 'v', configMap: { items: [{ key: 'a', path: '/b' }], defaultMode: 512 } }] }),
      [
        'spec.volumes[0].configMap.name: Required value',
        'spec.volumes[0].configMap.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive',
        'spec.volumes[0].configMap.items[0].path: Invalid value: "/b": must be a relative path',
      ],
    ],
    [
      pod({}, { resources: { limits: { cpu: '-1', foo: '1' } } }),
      [
        `${C}.resources.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0`,
        `${C}.resources.limits[foo]: Invalid value: "foo": must be a standard resource type or fully qualified`,
        `${C}.resources.limits[foo]: Invalid value: "foo": must be a standard resource for containers`,
        `${C}.resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0`,
        `${C}.resources.requests[foo]: Invalid value: "foo": must be a standard resource type or fully qualified`,
        `${C}.resources.requests[foo]: Invalid value: "foo": must be a standard resource for containers`,
      ],
    ],
    [
      pod({}, { resources: { limits: { cpu: '1' }, requests: { cpu: '2' } } }),
      [`${C}.resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1`],
    ],
    [pod({}, { livenessProbe: {} }), [`${C}.livenessProbe: Required value: must specify a handler type`]],
    [
      pod({}, { livenessProbe: { exec: { command: ['a'] }, successThreshold: 2 } }),
      [`${C}.livenessProbe.successThreshold: Invalid value: 2: must be 1`],
    ],
    [
      pod({}, { readinessProbe: { httpGet: { port: 0 }, tcpSocket: { port: 1 }, periodSeconds: -1 } }),
      [
        `${C}.readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type`,
        `${C}.readinessProbe.httpGet.port: Invalid value: 0: ${PORT}`,
        `${C}.readinessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0`,
      ],
    ],
    [
      pod({}, { lifecycle: { preStop: { sleep: { seconds: 31 } } } }),
      [
        `${C}.lifecycle.preStop.sleep.seconds: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)`,
      ],
    ],
    [
      pod({ initContainers: [{ name: 'i', image: 'i', livenessProbe: { exec: { command: ['a'] } } }] }),
      [
        'spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
      ],
    ],
    [
      pod({
        initContainers: [
          { name: 'i', image: 'i', restartPolicy: 'Always', livenessProbe: { exec: { command: ['a'] } } },
        ],
      }),
      [],
    ],
    [
      pod({}, { securityContext: { privileged: true, allowPrivilegeEscalation: false } }),
      [
        `${C}.securityContext: Invalid value: {"privileged":true,"allowPrivilegeEscalation":false}: cannot set \`allowPrivilegeEscalation\` to false and \`privileged\` to true`,
      ],
    ],
    [
      pod({}, { securityContext: { procMount: 'Unmasked' } }),
      [`${C}.securityContext.procMount: Invalid value: "Unmasked": \`hostUsers\` must be false to use \`Unmasked\``],
    ],
    [pod({ securityContext: { seccompProfile: {} } }), ['spec.securityContext.seccompProfile.type: Required value']],
    [
      pod({ securityContext: { fsGroup: -1, fsGroupChangePolicy: 'Never' } }),
      [
        'spec.securityContext.fsGroup: Invalid value: -1: must be between 0 and 2147483647, inclusive',
        'spec.securityContext.fsGroupChangePolicy: Unsupported value: "Never": supported values: "Always", "OnRootMismatch"',
      ],
    ],
    [
      pod({
        securityContext: {
          sysctls: [
            { name: 'net.ipv4/tcp_x', value: '1' },
            { name: '-', value: '1' },
          ],
        },
      }),
      [
        'spec.securityContext.sysctls[1].name: Invalid value: "-": must have at most 253 characters and match regex ([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?',
      ],
    ],
    [
      pod({ preemptionPolicy: 'Ask' }),
      ['spec.preemptionPolicy: Unsupported value: "Ask": supported values: "Never", "PreemptLowerPriority"'],
    ],
    [
      pod({ restartPolicy: 'Perhaps' }),
      ['spec.restartPolicy: Unsupported value: "Perhaps": supported values: "Always", "Never", "OnFailure"'],
    ],
    [pod({ dnsPolicy: 'None' }), ['spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None']],
    [pod({ dnsConfig: { nameservers: ['x'] } }), [`spec.dnsConfig.nameservers[0]: Invalid value: "x": ${IP}`]],
    [
      pod({ terminationGracePeriodSeconds: -1 }),
      ['spec.terminationGracePeriodSeconds: Invalid value: -1: must be greater than or equal to 0'],
    ],
    [
      pod({ activeDeadlineSeconds: 0 }),
      ['spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive'],
    ],
    [pod({ hostname: 'a.b' }), ['spec.hostname: Invalid value: "a.b": must not contain dots']],
    [
      pod({ tolerations: [{ value: 'a' }] }),
      [
        'spec.tolerations[0].operator: Invalid value: "": operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ],
    ],
    [
      pod({ tolerations: [{ key: 'a', operator: 'Near', effect: 'Never' }] }),
      [
        'spec.tolerations[0].operator: Unsupported value: "Near": supported values: "Equal", "Exists"',
        'spec.tolerations[0].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
      ],
    ],
    [
      pod({
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [
                {
                  matchExpressions: [
                    { key: 'a', operator: 'In' },
                    { key: 'a', operator: 'Is' },
                  ],
                },
              ],
            },
          },
        },
      }),
      [
        "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
        'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[1].operator: Invalid value: "Is": not a valid selector operator',
      ],
    ],
  ])('%j', (fields, expected) => {
    if (Object.keys(fields).length === 0) expect(errorsOf('Pod', fields)).toContain('spec.containers: Required value');
    else expect(errorsOf('Pod', fields)).toEqual(expected);
  });

  const ONLY =
    'spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\nchanged: ';
  it.each<[string, Fields, Fields, string[]]>([
    ['nothing', pod({}), pod({}), []],
    [
      'image and a toleration',
      pod({ tolerations: [{ key: 'a', operator: 'Exists' }] }, { image: 'j:1', imagePullPolicy: 'Always' }),
      pod({}),
      [],
    ],
    ['command', pod({}, { command: ['a'] }), pod({}), [`${ONLY}spec.containers`]],
    ['node', pod({ nodeName: 'a' }), pod({ nodeName: 'b' }), [`${ONLY}spec.nodeName`]],
    [
      'one container more',
      pod({
        containers: [
          { name: 'c', image: 'i' },
          { name: 'd', image: 'i' },
        ],
      }),
      pod({}),
      ['spec.containers: Forbidden: pod updates may not add or remove containers'],
    ],
    ['a scheduling gate less', pod({}), pod({ schedulingGates: [{ name: 'a' }] }), []],
    [
      'a scheduling gate more',
      pod({ schedulingGates: [{ name: 'a' }] }),
      pod({}),
      ["spec.schedulingGates: Forbidden: only deletion is allowed, but found new scheduling gate 'a'"],
    ],
  ])('update of %s', (_what, now, old, expected) => expect(updateErrors('Pod', now, old)).toEqual(expected));
});
