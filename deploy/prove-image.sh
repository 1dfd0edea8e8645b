#!/usr/bin/env bash
# Build both images of the Dockerfile and run them as a strict cluster would: what `make prove-image` calls.
#
# No engine and no registry of images is needed: buildah and podman come from Debian, and the base is a
# Debian with its Python, tagged as the Dockerfile's base. PROVE_IMAGE_BASE=rootfs.tar takes another one,
# such as `docker export` of a container of python:3.13-slim gives. It needs root, some 3 GB of memory for
# its temporary files, and Debian's and Python's package registries, as apt and pip are set up here; what
# they are called gets into no image. Everything it makes is removed at its end.
set -euo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python
BASE=docker.io/library/python:3.13-slim
RELEASE=trixie # has the base's version of Python
ISSUER=http://127.0.0.1:8001
user=$((1000000000 + RANDOM * 32768 + RANDOM)) # as OpenShift gives one

say() { printf '\n== %s\n' "$*"; }
die() { echo "prove-image: $*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || die "root is needed, to build and run without an engine"
command -v apt-get >/dev/null || die "Debian is needed, for buildah, podman, runc and the base"
missing=
for program in buildah podman runc debootstrap nsenter; do
  command -v "$program" >/dev/null || missing="$missing ${program/nsenter/util-linux}"
done
if [ -n "$missing" ]; then
  say "Installing$missing"
  apt-get update -qq
  # shellcheck disable=SC2086 # a list of names
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

work=$(mktemp -d /tmp/prove-image.XXXXXX)
# In memory: without an engine's own file system, each step is a whole copy of the image.
mount -t tmpfs -o size=8g,mode=0700 prove-image "$work"
mkdir "$work/tmp"
export TMPDIR=$work/tmp
store=(--root "$work/storage" --runroot "$work/run" --storage-driver vfs)
# Nothing here starts timers for health checks: they are run by hand.
export DISABLE_HC_SYSTEMD=true
pod() { podman "${store[@]}" --runtime runc --cgroup-manager cgroupfs --events-backend file --tmpdir "$work/tmp" "$@"; }
clean() {
  code=$?
  if [ "$code" != 0 ]; then
    for name in sentari vendor; do
      pod container exists "$name" 2>/dev/null || continue
      echo "---- the last lines of $name:" >&2
      pod logs --tail 20 "$name" >&2 2>&1 || true
    done
  fi
  pod rm --force --all --time 0 >/dev/null 2>&1 || true
  umount --recursive "$work/storage" 2>/dev/null || true
  umount --lazy "$work" && rmdir "$work"
  exit "$code"
}
trap clean EXIT

say "The base: $BASE"
if [ -n "${PROVE_IMAGE_BASE:-}" ]; then
  rootfs=$PROVE_IMAGE_BASE
else
  # shellcheck disable=SC2016 # apt's own placeholder
  mirror=$(apt-get indextargets --format '$(SITE)' | head -1)
  rootfs=$work/base
  debootstrap --variant=minbase --include=python3,python3-pip,python3-venv,ca-certificates \
    "$RELEASE" "$rootfs" "$mirror" >"$work/debootstrap.log" 2>&1 || die "$(tail -5 "$work/debootstrap.log")"
  ln -s python3 "$rootfs/usr/bin/python"
  # Of what apt is called here, nothing may get into an image.
  rm -rf "$rootfs"/etc/apt/sources.list* "$rootfs"/var/lib/apt/lists/* "$rootfs"/var/cache/apt/* "$rootfs"/var/log/*
fi
container=$(buildah "${store[@]}" from scratch)
buildah "${store[@]}" add -q "$container" "$rootfs" / >/dev/null
buildah "${store[@]}" commit -q --format docker --rm "$container" "$BASE" >/dev/null
rm -rf "$work/base"

# How pip is set up here: from its files and from the environment, which wins; less what lies on this
# machine alone. The trusted CAs are this machine's while building, should the registry's be a private one.
authorities=/etc/ssl/certs/ca-certificates.crt
{
  echo "[global]"
  echo "cert = $authorities"
  $python -m pip config list | sed -n "s/^\(global\|:env:\)\.\(index-url\|extra-index-url\|trusted-host\)='\(.*\)'$/\2 = \3/p" |
    sed 's#file://[^ ]*##g' | sort -s -u -t= -k1,1
} >"$work/pip.conf"

build() { # target, tag, build arguments
  local target=$1 tag=$2
  shift 2
  say "Building $tag"
  local began=$SECONDS
  buildah "${store[@]}" bud --isolation chroot --format docker --layers=false --pull-never \
    --secret "id=pip.conf,src=$work/pip.conf" \
    --volume "$authorities:$authorities:ro" \
    --build-arg "REVISION=$(git rev-parse HEAD)" "$@" --target "$target" --tag "$tag" . \
    >"$work/build.log" 2>&1 || die "$(tail -30 "$work/build.log")"
  echo "built in $((SECONDS - began)) s"
}

# As strict as can be: nothing to write but the volume and /tmp, no capability, nobody's number, no network.
run() { # name, image, network, options
  local name=$1 image=$2 network=$3
  shift 3
  pod create --name "$name" --network "$network" --user "$user:0" \
    --read-only --read-only-tmpfs=false --tmpfs /tmp:size=64m,mode=1777 \
    --cap-drop ALL --security-opt no-new-privileges --pids-limit 200 --memory 1g \
    --ulimit nofile=4096:4096 --ulimit nproc=400:400 "$@" "$image" >/dev/null
  began=$(date +%s.%N)
  pod start "$name" >/dev/null
}
# Walk in the container's own network, which has nothing but itself.
walk() { # name, what
  local pid
  pid=$(pod inspect --format '{{.State.Pid}}' "$1")
  shift
  nsenter --net="/proc/$pid/ns/net" "$python" -m deploy.prove_image "$@"
}
inside() { pod exec "$@"; }

confined() { # name, data directory, what must not be there
  local name=$1 data=$2 foreign=$3
  pod healthcheck run "$name"
  echo "HEALTHCHECK of the image: healthy"
  pod exec --interactive "$name" python - "$user" "$data" "$foreign" <deploy/prove_confined.py
}
contents() { # image
  local root hosts
  root=$(pod image mount "$1")
  $python -m deploy.prove_image contents "$root" "$1"
  # What the registries are called here, unless it is what they are called everywhere.
  hosts=$({ cat "$work/pip.conf"; echo "${mirror:-}"; } | grep -o '://[^/ ]*' | sed 's#://##; s/.*@//; s/:.*//' |
    grep -vx 'pypi.org\|deb.debian.org\|security.debian.org' | sort -u || true)
  for host in $hosts; do
    ! grep -rqF -- "$host" "$root" || die "the name of a registry got into $1"
  done
  pod image unmount "$1" >/dev/null
  pod image inspect --format '{{.Size}}' "$BASE" "$1" | tr '\n' ' ' |
    awk -v n="$1" '{printf "%s: %.0f MB, %.0f MB of them above the base\n", n, $2/1e6, ($2-$1)/1e6}'
}
ends() { # name: SIGTERM ends it in time and in order
  local began=$SECONDS
  pod stop --time 40 "$1" >/dev/null
  [ "$(pod inspect --format '{{.State.ExitCode}}' "$1")" = 0 ] || die "$1 did not end by itself"
  echo "$1: SIGTERM, and the end after $((SECONDS - began)) s with status 0"
}

build license-server sentari-license-server
contents sentari-license-server
say "Running the license server as $user:0"
run vendor sentari-license-server none -v licenses:/var/lib/sentari-license-server \
  -e "LICENSE_SERVER_ISSUER_URL=$ISSUER"
walk vendor started 8001 /healthz "$began"
confined vendor /var/lib/sentari-license-server sentari
walk vendor vendor-page
# The root key is made and kept in the container's memory: nobody signs with it again.
inside vendor sh -c 'umask 077; python -c "import secrets; print(secrets.token_urlsafe(24))" > /tmp/passphrase'
inside vendor flask --app license_server keys init --root-file /tmp/root.json --passphrase-file /tmp/passphrase
roots=$(inside vendor flask --app license_server keys export-roots)
inside vendor flask --app license_server customer add --name "Example Ltd" --email it@example.com --json >"$work/customer"
key=$(inside vendor flask --app license_server license issue --customer "$($python -c 'import json, sys; print(json.load(sys.stdin)["id"])' <"$work/customer")" \
  --tier enterprise --term-days 365 --max-devices 100 --max-packages 200000 --json |
  $python -c 'import json, sys; print(json.load(sys.stdin)["license_key"])')

build server sentari --build-arg "LICENSE_ROOTS_JSON=$roots"
contents sentari
say "Running Sentari as $user:0, alone and without a network"
run sentari sentari none -v data:/var/lib/sentari
walk sentari started 8000 /readyz "$began"
confined sentari /var/lib/sentari license_server
token=$(pod logs sentari 2>&1 | sed -n 's/.*enter the setup token \([0-9a-f]*\).*/\1/p' | tail -1)
PROVE_SECRET=$token walk sentari alone
ends sentari
pod rm sentari >/dev/null

say "Running it again on the same volume, beside the license server"
run sentari sentari container:vendor -v data:/var/lib/sentari -e "SENTARI_LICENSE_SERVER_URL=$ISSUER" \
  -e SENTARI_LOG_FORMAT=json
walk sentari started 8000 /readyz "$began"
PROVE_SECRET=$key walk sentari licensed
inside sentari flask --app app license status | grep '^state:\|^usage:\|^development'
inside sentari flask --app app audit verify
ends sentari
began=$(date +%s.%N)
pod start sentari >/dev/null
walk sentari started 8000 /readyz "$began"
walk sentari kept
ends sentari
ends vendor
say "Both images are built, run confined, and do their work"
