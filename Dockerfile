# svc2ipt in an image with nothing else in it: Node.js, iptables in both backends, conntrack, nft, nfacct, ip and ipset, and
# the libraries that these load. `docker run IMAGE` is the agent; `docker run IMAGE render ...` any other command.
#
#   docker build -t svc2ipt .
#   docker build -t svc2ipt:debug --target debug .    # for kubectl debug (docs/debugging-a-node.md): it runs as root
#
# It builds on amd64 and arm64, with and without BuildKit. The same sources on the same base image give the same files, with
# the time of --build-arg SOURCE_DATE_EPOCH=... (scripts/images makes the files of a release so).
#
# The base image gives Node.js and a Debian to take the other programs from; nothing of it is in the image as a whole. Node.js
# is that of docker/node.json instead, where scripts/images has the image built.
# Where no registry can be reached, any other with Node.js will do: --build-arg BASE_IMAGE=... Nor is a network needed
# if it has the programs already, and if scripts/bundle has run on this side.
ARG BASE_IMAGE=node:26-trixie-slim

FROM ${BASE_IMAGE} AS build
ARG SOURCE_DATE_EPOCH
WORKDIR /build
COPY . .
RUN [ -d build/bundle ] || scripts/bundle
RUN set -eu; \
  for program in iptables-nft iptables-legacy conntrack nft nfacct ip ipset; do command -v "$program"; done >/dev/null || \
    { apt-get update -qq && \
      apt-get install -y -qq --no-install-recommends iptables conntrack nftables nfacct iproute2 ipset binutils; }; \
  # That of the lock file, by its checksum, and not whatever the base image has today.
  node=build/image-node/$(dpkg --print-architecture); \
  if [ -d "$node" ]; then \
    cp "$node/node" /usr/local/bin/node; \
    mkdir -p /root-of-image/usr/share/doc/node; cp "$node/LICENSE" /root-of-image/usr/share/doc/node/; \
  fi; \
  # `env` finds the Node.js for `svc2ipt` as it is published.
  docker/collect /root-of-image node env conntrack nft nfacct ip ipset \
    iptables-nft iptables-nft-save iptables-nft-restore ip6tables-nft ip6tables-nft-save ip6tables-nft-restore \
    iptables-legacy iptables-legacy-save iptables-legacy-restore \
    ip6tables-legacy ip6tables-legacy-save ip6tables-legacy-restore; \
  cd /root-of-image; \
  # The names of its functions are a fifth of Node.js, and for debuggers only.
  ! command -v strip >/dev/null || strip --strip-unneeded ".$(realpath "$(command -v node)")"; \
  # The names without a backend are what is used where nothing tells which one the node uses: nft.
  for name in iptables ip6tables; do for what in '' -save -restore; do ln -s "$name-nft$what" "usr/sbin/$name$what"; done; done; \
  mkdir -p opt run tmp; chmod 1777 tmp; \
  # Whoever runs it, the program has been compiled already: Node.js looks for that by its place and by user ID, and
  # writes it when it ends. With a seed, V8 hashes names alike each time, and so writes the same. It numbers functions as they
  # run, and which do depends on the environment and the streams: each builder has its own, so here are none but ours.
  mkdir -p /opt; mv /build/build/bundle /opt/svc2ipt; \
  for command in render 'lint --fail-on never' 'explain shop/web' 'trace --from 198.51.100.1 --to shop/web'; do \
    env -i PATH="$PATH" NODE_COMPILE_CACHE=/opt/svc2ipt/compiled node --random-seed=1 /opt/svc2ipt/dist/cli/main.js \
      $command -f /build/fixtures/sample/objects.yaml </dev/null >/build/said 2>&1 || { cat /build/said >&2; exit 1; }; \
  done; \
  for folder in /opt/svc2ipt/compiled/*-0; do ln -s "${folder##*/}" "${folder%-0}-65532"; done; \
  mv /opt/svc2ipt opt/svc2ipt; \
  ln -s /opt/svc2ipt/dist/cli/main.js usr/bin/svc2ipt; \
  printf 'root:x:0:0:root:/:/none\nnonroot:x:65532:65532:nonroot:/:/none\n' >etc/passwd; \
  printf 'root:x:0:\nnonroot:x:65532:\n' >etc/group; \
  # What is in the image, for those who look for known faults: /usr/share/sbom/svc2ipt.cdx.json.
  node /build/scripts/image-bill-of-materials.ts /root-of-image; \
  [ -z "${SOURCE_DATE_EPOCH:-}" ] || find /root-of-image -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +

FROM scratch AS image
COPY --from=build /root-of-image /
ENV PATH=/usr/sbin:/usr/bin NODE_ENV=production NODE_COMPILE_CACHE=/opt/svc2ipt/compiled
ENTRYPOINT ["svc2ipt"]
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="svc2ipt" \
  org.opencontainers.image.description="Kubernetes Services as iptables rules: kube-proxy's iptables mode, rebuilt" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"

# What `kubectl debug node` runs has the user of its image, and only root may look at a node's rules.
FROM image AS debug
USER 0:0
CMD ["doctor"]

FROM image
# Compiling, comparing and explaining rules needs no privileges, so it has none, whoever runs the image by hand. The
# agent must be root, as Kubernetes gives capabilities to nobody else: its manifest says so where it is reviewed
# (runAsUser: 0 in deploy/base/manifests/daemonset.yaml), and `docker run` with --user 0 --cap-add NET_ADMIN.
USER 65532:65532
# Kubernetes does not look at this; its probes are in the DaemonSet.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["node", "--eval", "fetch('http://127.0.0.1:10256/livez').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["agent"]
