# For examples/run and spec/run, which source this: brings what is missing, builds what
# changed, and is silent when there is nothing to do. Sets `root` and `build`.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${EDDY_BUILD:-$root/build}

# need COMMAND-THAT-FAILS-WITHOUT-IT PACKAGE: notes a Debian package that is missing.
missing=()
need() {
    eval "$1" >/dev/null 2>&1 || missing+=("$2")
}

need_to_build() {
    need 'command -v cmake' cmake
    need 'command -v gcc' gcc
    need 'test -e /usr/include/stdio.h' libc6-dev
    need 'command -v make' make
    need 'command -v pkg-config' pkg-config
    need 'test -e /usr/include/zmq.h' libzmq3-dev
    need 'test -e /usr/include/luajit-2.1/lua.h' libluajit-5.1-dev
    need 'command -v luajit' luajit
    need 'test -e /usr/share/lua/5.1/argparse.lua' lua-argparse
}

# Installs what was noted, on Debian and its kin; elsewhere says what to install.
install_missing() {
    [ ${#missing[@]} -gt 0 ] || return 0
    local as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    if ! command -v apt-get >/dev/null || { [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; }; then
        echo "eddy needs these Debian packages, or what they are called here: ${missing[*]}" >&2
        exit 1
    fi
    echo "installing: ${missing[*]}"
    local log
    log=$(mktemp)
    if ! { "${as_root[@]}" apt-get update -qq &&
           DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq \
               --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        echo "apt-get could not install: ${missing[*]}" >&2
        exit 1
    fi
    rm -f "$log"
    missing=()
}

# build_eddy [CMAKE-OPTION...]: configures once, then builds what changed.
build_eddy() {
    local log
    log=$(mktemp)
    if ! { { [ -e "$build/CMakeCache.txt" ] || cmake -S "$root" -B "$build" "$@"; } &&
           cmake --build "$build" --parallel "$(nproc)"; } >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        exit 1
    fi
    rm -f "$log"
}
