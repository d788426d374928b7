# kube-lego runs as it is written: Node strips the types, so there is nothing to build and the image holds the very files of
# the repository. Pin the base by digest as well when you build your own (`docker buildx imagetools inspect`).
FROM node:24.21.0-bookworm-slim

WORKDIR /app
ENV NODE_ENV=production

# Only what package-lock.json names, with its checksums, and no install script of any package. The optional dependency is
# another copy of Node, for machines that have none.
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund && npm cache clean --force

COPY LICENSE ./
COPY machines ./machines
COPY src ./src

# `node`, by number, so that Kubernetes can see that it is not root. All files stay root's: the process cannot change them.
USER 1000:1000

# 8080 answers the CA's challenges, 9402 the probes.
EXPOSE 8080 9402

ENTRYPOINT ["node", "src/main.ts"]
