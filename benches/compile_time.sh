#!/usr/bin/env bash
# How long a model takes to compile: `cargo check` and `cargo build` of a crate with a #[model] of 5, 20 and
# 64 layers, against the same crate without a model. Times are the best of five, in seconds; the
# dependencies are built before.
#
#     benches/compile_time.sh
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

write() { # layers
    local layers=$1 i
    {
        if [ "$layers" -gt 0 ]; then
            echo "use kerata::{Batch, Dense, Relu, model};"
            echo "#[model(input = (Batch, 16), output = (Batch, 16))]"
            echo "pub struct Net {"
            for ((i = 0; i < layers; i++)); do echo "    pub layer$i: Dense<_, 16, Relu>,"; done
            echo "}"
            echo "fn main() { use kerata::prelude::*; let net = Net::build(&kerata::Cpu::default()).unwrap();"
            echo "println!(\"{:?}\", net.predict(&vec![[0.0_f32; 16]], 1).map(|y| y.as_vec())); }"
        else
            echo "use kerata::{Dense, Relu};"
            echo "fn main() { println!(\"{}\", std::any::type_name::<Dense<16, 16, Relu>>()); }"
        fi
    } > "$work/src/main.rs"
}

best() { # command
    local best=999 i start end
    for i in 1 2 3 4 5; do
        touch "$work/src/main.rs"
        start=$(date +%s.%N)
        (cd "$work" && cargo "$1" --offline --quiet)
        end=$(date +%s.%N)
        best=$(awk -v a="$best" -v s="$start" -v e="$end" 'BEGIN { d = e - s; print (d < a) ? d : a }')
    done
    printf '%.2f' "$best"
}

mkdir -p "$work/src"
cat > "$work/Cargo.toml" <<TOML
[package]
name = "compile-time"
version = "0.0.0"
edition = "2024"

[workspace]

[dependencies]
kerata = { path = "$root" }
TOML
cp "$root/Cargo.lock" "$work/Cargo.lock"
write 0
(cd "$work" && cargo check --offline --quiet && cargo build --offline --quiet)
echo "layers  check  build"
for layers in 0 5 20 64; do
    write "$layers"
    printf '%6d  %5s  %5s\n' "$layers" "$(best check)" "$(best build)"
done
