# One build, one target a service: docker build --target api-service -t mtls-demo/api-service .
#
# Each final image is one static binary on nothing at all. Every base image is an argument, so that
# it can come from a mirror. Nothing here needs BuildKit, nor a network beyond crates.io.
ARG RUST_IMAGE=rust:1.95-slim-bookworm
ARG RUNTIME_IMAGE=scratch

# What the dependencies are chosen by, and stubs in place of our code: it changes seldom, and as
# long as it does not, the dependencies are not built again. The tests do not come here at all; of
# the crate that is only tests, cargo wants a source.
FROM ${RUST_IMAGE} AS manifests
WORKDIR /src
COPY . .
RUN find . -type f ! -name Cargo.toml ! -name Cargo.lock ! -path './*/src/lib.rs' ! -path './*/src/main.rs' ! -path './*/examples/*.rs' -delete \
 && find . -type f \( -path '*/src/lib.rs' -o -path '*/examples/*.rs' \) -exec truncate --size 0 {} + \
 && find . -type f -path '*/src/main.rs' -exec sh -c 'for file; do echo "fn main() { }" >"$file"; done' sh {} + \
 && find . -type d -empty -delete \
 && mkdir -p e2e/src && touch e2e/src/lib.rs

FROM ${RUST_IMAGE} AS build
ARG PROFILE=release
# Static: the final image has no C library. The names of the network are still looked up by glibc.
ENV CARGO_TERM_COLOR=never \
    RUSTFLAGS="-C target-feature=+crt-static"
WORKDIR /src
COPY --from=manifests /src .
# With --target, build scripts and macros are built apart, without the flag, which breaks them.
RUN TARGET=$(rustc -vV | sed -n 's/^host: //p') \
 && cargo build --locked --profile "$PROFILE" --target "$TARGET" \
      -p api-service -p client-service -p gateway -p certs
COPY . .
# Cargo goes by the files' times, and the stubs are newer than our code.
RUN find . -name '*.rs' -not -path './target/*' -exec touch {} + \
 && TARGET=$(rustc -vV | sed -n 's/^host: //p') \
 && cargo build --locked --profile "$PROFILE" --target "$TARGET" \
      -p api-service -p client-service -p gateway -p certs \
 && mkdir -p /out/bin /out/pki/certs/pki/api-service /out/pki/certs/pki/client-service /out/pki/certs/pki/gateway \
 && for name in api-service client-service gateway certs; do \
      cp "target/$TARGET/$PROFILE/$name" /out/bin/; \
    done

# A user by number, as Kubernetes' runAsNonRoot can check it; there is no /etc/passwd to name it.
FROM ${RUNTIME_IMAGE} AS api-service
COPY --from=build /out/bin/api-service /usr/local/bin/
USER 65532:65532
EXPOSE 3000 9000
HEALTHCHECK --interval=5s --timeout=5s --start-period=10s --retries=3 CMD ["/usr/local/bin/api-service", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/api-service"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="mtls-demo api-service" \
      org.opencontainers.image.description="The backend of mtls-demo: answers only to proven clients" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

FROM ${RUNTIME_IMAGE} AS client-service
COPY --from=build /out/bin/client-service /usr/local/bin/
USER 65532:65532
EXPOSE 4000 9001
HEALTHCHECK --interval=5s --timeout=5s --start-period=10s --retries=3 CMD ["/usr/local/bin/client-service", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/client-service"]
# Reached through a published port, by whatever address the engine gives it.
ENV HOST=0.0.0.0
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="mtls-demo client-service" \
      org.opencontainers.image.description="The web front of mtls-demo: a click that proves itself" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

FROM ${RUNTIME_IMAGE} AS gateway
COPY --from=build /out/bin/gateway /usr/local/bin/
USER 65532:65532
EXPOSE 8443 9002
HEALTHCHECK --interval=5s --timeout=5s --start-period=10s --retries=3 CMD ["/usr/local/bin/gateway", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/gateway"]
CMD ["--config", "/etc/gateway/gateway.toml"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="mtls-demo gateway" \
      org.opencontainers.image.description="Mutual TLS for any HTTP service" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

FROM ${RUNTIME_IMAGE} AS certs
COPY --from=build /out/bin/certs /usr/local/bin/
# Volumes take over the owner of the directory that they are first mounted on.
COPY --from=build --chown=65532:65532 /out/pki /
USER 65532:65532
HEALTHCHECK --interval=30s --timeout=5s --retries=3 CMD ["/usr/local/bin/certs", "verify", "certs/pki/api-service"]
ENTRYPOINT ["/usr/local/bin/certs"]
CMD ["init"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="mtls-demo certs" \
      org.opencontainers.image.description="The authority of mtls-demo: issues, renews, revokes, rolls over" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
