# An image with the program and nothing else: one static binary, run as no root user.
#
#   docker build --build-arg COMMIT="$(git rev-parse HEAD)" --tag alambic .
#   docker run --rm --volume "$PWD:/data" --user "$(id -u):$(id -g)" alambic run recipe.toml --out run
#
# What is written lands in the mounted folder; models of the hub in /data/.cache, unless HF_HOME says otherwise.

FROM rust:1.95-slim AS build
RUN apt-get update && apt-get install --yes --no-install-recommends musl-tools \
    && rustup target add x86_64-unknown-linux-musl
WORKDIR /source
COPY . .
# .git is not copied: the commit that `--version` tells is given here.
ARG COMMIT=""
ENV ALAMBIC_COMMIT=$COMMIT
RUN cargo build --release --locked --target x86_64-unknown-linux-musl \
    && mkdir -p /root-of-image/data /root-of-image/tmp /root-of-image/etc \
    && chmod 1777 /root-of-image/tmp /root-of-image/data \
    && echo 'alambic:x:65532:65532::/data:/sbin/nologin' > /root-of-image/etc/passwd \
    && echo 'alambic:x:65532:' > /root-of-image/etc/group \
    && cp target/x86_64-unknown-linux-musl/release/alambic LICENSE-MIT LICENSE-APACHE /root-of-image/ \
    && strip /root-of-image/alambic

FROM scratch
COPY --from=build /root-of-image/ /
ENV HOME=/data XDG_CACHE_HOME=/data/.cache HF_HOME=/data/.cache/huggingface
WORKDIR /data
USER 65532:65532
ENTRYPOINT ["/alambic"]
CMD ["--help"]
