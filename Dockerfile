# An image with the host and its built-in plugins, all from this checkout.
# It runs as a user of its own, writes only to /data, and works with a read-only root.

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# The release key is made here and stays here: only its public half goes on.
RUN ./setup.sh build

FROM debian:bookworm-slim
COPY --from=build /src/setup.sh /usr/local/share/skynet/
COPY --from=build /src/.ci/say.sh /usr/local/share/skynet/.ci/
COPY --from=build /src/dist/bin/ /usr/local/share/skynet/dist/bin/
COPY --from=build /src/dist/plugins/ /usr/local/share/skynet/dist/plugins/
COPY --from=build /src/dist/runtimes/ /usr/local/share/skynet/dist/runtimes/
COPY --from=build /src/dist/release.pub /usr/local/share/skynet/dist/
RUN ln -s /usr/local/share/skynet/dist/bin/skynet /usr/local/bin/skynet \
    && useradd --system --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin skynet \
    && install -d -m 0700 -o skynet -g skynet /data
ENV HOME=/data SKYNET_HOME=/data
USER 10001:10001
VOLUME /data
EXPOSE 18789
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["skynet", "status", "--json"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/share/skynet/setup.sh", "container"]
