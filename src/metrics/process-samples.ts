import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { SampledMetric } from './catalogue.ts';
import { type Samples, single } from './samples.ts';

type ProcessMetric = Extract<
  SampledMetric,
  'eventLoopLag' | 'eventLoopActive' | 'buildInfo' | 'processCpu' | 'processMemory' | 'processStart'
>;

/** Resolution in milliseconds: the cost at 100 is not measurable, at 10 it is a tenth of a second of CPU a minute and more. */
const resolution = 100;

/** Resource usage of this process. */
export class ProcessSamples {
  readonly #version: string;
  readonly #delay = monitorEventLoopDelay({ resolution });

  /** @param version of kube-lego */
  constructor(version: string) {
    this.#version = version;
  }

  /** Starts measuring the event loop. */
  start(): void {
    this.#delay.enable();
  }

  /** The lag is the maximum since the last call. */
  take(): Pick<Samples, ProcessMetric> {
    const { user, system } = process.cpuUsage();
    return {
      eventLoopLag: single(this.#takeLag()),
      eventLoopActive: single(performance.eventLoopUtilization().active / 1000),
      buildInfo: [{ labels: { version: this.#version, node: process.versions.node }, value: 1 }],
      processCpu: single((user + system) / 1e6),
      processMemory: single(process.memoryUsage.rss()),
      processStart: single(performance.timeOrigin / 1000),
    };
  }

  stop(): void {
    this.#delay.disable();
  }

  /** Node measures intervals, in nanoseconds. */
  #takeLag(): number {
    const { count, max } = this.#delay;
    this.#delay.reset();
    return count === 0 ? 0 : Math.max(max / 1e9 - resolution / 1000, 0);
  }
}
