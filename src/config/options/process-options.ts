import * as values from '../values.ts';
import type { Option } from './option.ts';

export const processOptions = {
  port: {
    variable: 'LEGO_PORT',
    placeholder: 'PORT',
    description: 'Port of the responder, which answers challenges.',
    fallback: '8080',
    parse: values.port,
  },
  metricsPort: {
    variable: 'LEGO_METRICS_PORT',
    placeholder: 'PORT',
    description:
      'Port of /metrics, for Prometheus. It answers /healthz and /readyz too, for manifests of 1.0.0-alpha.1.',
    fallback: '9402',
    parse: values.port,
  },
  healthPort: {
    variable: 'LEGO_HEALTH_PORT',
    placeholder: 'PORT',
    description: "Port of /healthz and /readyz, for the kubelet's probes alone.",
    fallback: '9404',
    parse: values.port,
  },
  inspectorPort: {
    variable: 'LEGO_INSPECTOR_PORT',
    placeholder: 'PORT',
    description: 'Port of the inspector page, on 127.0.0.1 only.',
    fallback: '9403',
    parse: values.port,
  },
  statelyInspector: {
    variable: 'LEGO_STATELY_INSPECTOR',
    placeholder: 'SWITCH',
    description:
      'on: at LEGO_INSPECTOR_PORT, under /stately, a WebSocket for the receivers of @statelyai/inspect and for the inspector of ' +
      'stately.ai, whose page then sees the names of Ingresses, Secrets and hosts. off: there is none.',
    fallback: 'off',
    parse: values.oneOf('on', 'off'),
  },
  logLevel: {
    variable: 'LEGO_LOG_LEVEL',
    placeholder: 'LEVEL',
    description: 'Lowest level that is logged: debug, info, warn or error.',
    fallback: 'info',
    parse: values.logLevel,
  },
  logType: {
    variable: 'LEGO_LOG_TYPE',
    placeholder: 'TYPE',
    description: 'json, text, or auto: text on a terminal and JSON elsewhere.',
    fallback: 'auto',
    parse: values.oneOf('auto', 'json', 'text'),
  },
} as const satisfies Record<string, Option<unknown>>;
