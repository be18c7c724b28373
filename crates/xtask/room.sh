# Makes one archive for a room of machines without a network: what is committed in the checkout $1, and beside it the
# crates that it takes. Cargo looks for its settings in the folders above a checkout too, so the checkout stays as it is.
set -eu
mkdir -p "$1/target"
cd "$1/target"
rm -rf tcp-room
mkdir -p tcp-room/.cargo
# The last commit alone, which names nobody's folder.
git clone --quiet --depth 1 "file://$1" tcp-room/checkout
git -C tcp-room/checkout remote remove origin
cargo vendor --locked --quiet --manifest-path tcp-room/checkout/Cargo.toml tcp-room/vendor
# The path begins at the folder that holds `.cargo`.
cat >tcp-room/.cargo/config.toml <<'SETTINGS'
[source.crates-io]
replace-with = "room"

[source.room]
directory = "vendor"
SETTINGS
# Root that unpacks it owns it.
tar -czf tcp-room.tar.gz --owner=0 --group=0 --numeric-owner tcp-room
rm -rf tcp-room
