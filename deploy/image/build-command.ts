// How the image is built: one command line for each program that builds images. Called by build.ts and the release.

export const builders = ['docker', 'buildah', 'podman'] as const;
export type Builder = (typeof builders)[number];

export interface ImageBuild {
  readonly builder: Builder;
  /** the folder of the bundled program */
  readonly context: string;
  /** NAME:TAG */
  readonly tag: string;
  readonly version: string;
  /** `time`: seconds since 1970, which the files of the image are dated with */
  readonly commit: { readonly revision: string; readonly time: number };
  /** in place of the Dockerfile's, by digest where it matters */
  readonly base?: string | undefined;
  /** further ones of the builder */
  readonly flags?: readonly string[];
}

const file = 'deploy/image/Dockerfile';

/** @returns the program and its arguments, to be run in the root of the repository */
export function buildCommand({
  builder,
  context,
  tag,
  version,
  commit,
  base,
  flags = [],
}: ImageBuild): string[] {
  const labels = {
    title: 'kube-lego',
    licenses: 'Apache-2.0',
    version,
    revision: commit.revision,
    created: new Date(commit.time * 1000).toISOString(),
    ...(base === undefined ? {} : { 'base.name': base }),
  };
  return [
    builder,
    'build',
    `--file=${file}`,
    `--tag=${tag}`,
    ...(base === undefined ? [] : [`--build-arg=BASE=${base}`]),
    ...Object.entries(labels).map(([key, value]) => `--label=org.opencontainers.image.${key}=${value}`),
    // The same image from the same commit: docker reads the variable of that name.
    ...(builder === 'docker'
      ? [`--build-arg=SOURCE_DATE_EPOCH=${commit.time}`]
      : [`--timestamp=${commit.time}`, `--ignorefile=${file}.dockerignore`]),
    ...flags,
    context,
  ];
}
