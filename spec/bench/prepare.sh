# For the benchmarks, which source this: builds eddy and the peers in C that can be built.
. "$(dirname "${BASH_SOURCE[0]}")/../../core/build/prepare.sh"
need_to_build
need 'ls /usr/lib/*/lua/5.1/cjson.so' lua-cjson
install_missing
build_eddy

peers=$root/spec/bench/peers made=$build/bench
mkdir -p "$made"
compile() { # NAME OPTIONS...
    local source=$peers/${1%.so}.c
    [ "$made/$1" -nt "$source" ] && [ "$made/$1" -nt "$peers/bench.h" ] && return
    gcc -O2 -Wall -Wextra -o "$made/$1" "$source" "${@:2}" || rm -f "$made/$1"
}
compile_peers() {
    for name in ask client drain floor pull push relay start; do compile $name -lzmq -lpthread; done
    compile sender.so -shared -fPIC -I"$root/core" -lzmq
    [ ! -e /usr/include/czmq.h ] || compile zloop -lczmq -lzmq
    [ ! -e /usr/include/uv.h ] || compile uv -luv -lzmq
}

# median NUMBER...
median() {
    printf '%s\n' "$@" | sort -g | awk '{ a[NR] = $1 } END { print NR % 2 ? a[(NR + 1) / 2] : (a[NR / 2] + a[NR / 2 + 1]) / 2 }'
}

# ratio A B: A / B with two decimals
ratio() {
    awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'
}

about_machine() {
    echo "$(nproc) cores, $(uname -sr), libzmq $(pkg-config --modversion libzmq), $(luajit -v | cut -d' ' -f1,2)"
}
