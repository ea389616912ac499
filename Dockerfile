# trawl in a container: one static binary and the certificates of authorities, no
# shell, not as root.
#
#   docker build -t trawl .
#   docker run --rm -v "$PWD/pictures:/data" trawl run douban
#
# The directory must be one that user 65532 may write to, or say --user.

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=
RUN GOWORK=off CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags="-s -w -X main.version=$VERSION" -o /trawl ./cmd/trawl \
 && mkdir -p /root-of/data /root-of/etc/ssl/certs /root-of/usr/local/bin && install -d -m 1777 /root-of/tmp \
 && cp /etc/ssl/certs/ca-certificates.crt /root-of/etc/ssl/certs/ && cp /trawl /root-of/usr/local/bin/ && chown 65532:65532 /root-of/data

FROM scratch
COPY --from=build /root-of /
USER 65532:65532
WORKDIR /data
VOLUME /data
# SIGTERM, by which docker stops it, lets it end what it has begun.
ENTRYPOINT ["/usr/local/bin/trawl"]
CMD ["--help"]
