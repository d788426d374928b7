// CHANGELOG.md: the subjects of the commits since the last release that matter to those who run kube-lego.

export interface Commit {
  readonly subject: string;
  /** paths in the repository */
  readonly files: readonly string[];
}

/** In this order; a commit belongs to the first group that one of its files is of. What is in none stays out: tests, docs, tools. */
const groups: readonly { readonly title: string; readonly folders: readonly string[] }[] = [
  { title: 'Controller and commands', folders: ['src/', 'machines/', 'bin/'] },
  {
    title: 'Installation',
    folders: ['deploy/base/', 'deploy/chart/', 'deploy/components/', 'deploy/namespaced/', 'deploy/image/'],
  },
];

/** The format of `git log` that `readCommits` reads, with `--name-only`. */
export const commitFormat = '--format=%x00%s';

/** @param log oldest first */
export function readCommits(log: string): Commit[] {
  return log
    .split('\0')
    .slice(1)
    .map((entry) => {
      const [subject = '', ...files] = entry.split('\n').filter((line) => line !== '');
      return { subject, files };
    });
}

/** @param date YYYY-MM-DD */
export function changelogSection(version: string, date: string, commits: readonly Commit[]): string {
  const parts = groups.flatMap(({ title }, index) => {
    const subjects = commits
      .filter(({ files }) => groupOf(files) === index)
      .map(({ subject }) => `- ${subject}\n`);
    return subjects.length === 0 ? [] : [`### ${title}\n\n${subjects.join('')}`];
  });
  return `## ${version} (${date})\n\n${parts.length === 0 ? 'Nothing that an operator would notice.\n' : parts.join('\n')}`;
}

/** @returns the text with the section above those of earlier versions */
export function withSection(changelog: string, section: string): string {
  const start = changelog.search(/^## /m);
  return start === -1
    ? `${changelog}\n${section}`
    : `${changelog.slice(0, start)}${section}\n${changelog.slice(start)}`;
}

function groupOf(files: readonly string[]): number {
  return groups.findIndex(({ folders }) =>
    files.some((file) => folders.some((folder) => file.startsWith(folder))),
  );
}
