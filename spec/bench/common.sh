# For the benchmarks, which source this: builds eddy and their peers in C, and has what they
# share. A comparison takes turns, A B A B, and quotes medians.
. "$(dirname "${BASH_SOURCE[0]}")/../../core/build/prepare.sh"
need_to_build
install_missing
build_eddy
peers=$root/spec/bench/peers
made=$build/bench
mkdir -p "$made"
for source in "$peers"/*.c; do
    program=$made/$(basename "$source" .c)
    [ "$program" -nt "$source" ] || gcc -O2 -Wall -Wextra -o "$program" "$source" -lzmq
done

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
