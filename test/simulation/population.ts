import type { SourceSpec } from '../../machines/ownership/source-spec.ts';
import { directoryAnnotation } from '../../src/secret/secret-reading.ts';
import { directoryUrl } from './simulated-ca.ts';
import { day, hour } from './time-units.ts';
import type { World } from './world.ts';

/** An Ingress of the simulation and its one Secret, which has its name. */
export interface Site {
  readonly key: string;
  readonly hosts: readonly string[];
  readonly profile: string;
}

/** Most Ingresses of one registered domain in four; the rest share those of large tenants, this many each. */
const sitesOfTenant = 40;

/** Ingresses of one to four hosts, in namespaces of about 25, most with a domain of their own. */
export class Population {
  readonly sites: Site[] = [];
  readonly #world: World;
  #count = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Sites with certificates of all ages, as they are where kube-lego has run for long. */
  addSettled(count: number): void {
    for (let index = 0; index < count; index += 1) this.#settle(this.#add());
  }

  /** Sites that never had a certificate. */
  addNew(count: number): void {
    for (let index = 0; index < count; index += 1) this.#add();
  }

  /** Sites whose certificates expired while nobody looked after them. */
  addForgotten(count: number): void {
    const { time } = this.#world;
    for (let index = 0; index < count; index += 1) this.#issue(this.#add(), time.now - 250 * day);
  }

  get any(): Site {
    const site = this.sites[this.#world.random.below(this.sites.length)];
    if (site === undefined) throw new Error('there are no sites');
    return site;
  }

  #add(): Site {
    const { random, cluster, time } = this.#world;
    const index = this.#count;
    this.#count += 1;
    const namespace = `team-${Math.floor(index / 25)}`;
    const name = `site-${index}`;
    const large = index % 10 === 0;
    const domain = large
      ? `tenant-${Math.floor(index / 10 / sitesOfTenant)}.example`
      : `site-${Math.floor(index / 2)}.example`;
    const count = random.chance(0.7) ? 1 : 2 + random.below(3);
    const hosts = Array.from({ length: count }, (_, part) => `${'abcd'[part] ?? 'e'}.${index}.${domain}`);
    const profile = profileOf(random.next());
    const ingress: SourceSpec = {
      kind: 'Ingress',
      uid: `uid-${index}`,
      namespace,
      name,
      createdAt: time.now - 1000 + index,
      enabled: true,
      ingressClass: { form: 'field', name: 'haproxy' },
      tls: [{ secretName: name, hosts }],
      ruleHosts: hosts,
      retry: undefined,
      keyType: undefined,
      profile: profile === 'classic' ? undefined : profile,
      selfCheck: undefined,
      certManager: false,
      status: undefined,
    };
    cluster.addIngress(ingress);
    const site = { key: `${namespace}/${name}`, hosts, profile };
    this.sites.push(site);
    return site;
  }

  #settle(site: Site): void {
    const { random, time } = this.#world;
    const life = site.profile === 'shortlived' ? 78 * hour : (site.profile === 'tlsserver' ? 29 : 59) * day;
    this.#issue(site, time.now - random.between(2 * hour, life));
  }

  #issue({ key, hosts, profile }: Site, at: number): void {
    const { ca, cluster } = this.#world;
    const [namespace = '', name = ''] = key.split('/');
    cluster.write(namespace, name, undefined, {
      ...ca.issueBefore(hosts, profile, at),
      annotations: { [directoryAnnotation]: directoryUrl },
    });
  }
}

function profileOf(draw: number): string {
  if (draw < 0.02) return 'shortlived';
  return draw < 0.1 ? 'tlsserver' : 'classic';
}
