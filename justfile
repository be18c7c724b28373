# Each recipe is one cargo command that works without just too. Cargo says what it builds, on standard error.

# List the recipes
[private]
default:
    @just --list --unsorted

# Run a step: just run step1 [ADDRESS]
run STEP *ADDRESS: (known STEP)
    cargo run --bin {{STEP}} -- {{ADDRESS}}

# Exercises that the wire checks: just learn, just learn list, just learn check NAME
[positional-arguments]
learn *WHAT:
    cargo run --bin lab -- learn "$@"

# Run all tests
test:
    cargo test --workspace

# Show what differs between two steps: just diff step1 step2
[positional-arguments]
diff A B:
    cargo run --bin lab -- diff "$@"

# Draw a step's capture, or any capture file: just show step1
[positional-arguments]
show STEP:
    cargo run --bin lab -- show "$@"

# Run a server, talk to it, and show what happened: just trace step1, or just trace -- ./my-server
[positional-arguments]
trace *SERVER:
    cargo run --bin lab -- trace "$@"

# Run a server, talk to it, and print what the rules find: just check step1
[positional-arguments]
check *SERVER:
    cargo run --bin lab -- check "$@"

# Open a shell in a server's private network: just shell step1
[positional-arguments]
shell *SERVER:
    cargo run --bin lab -- shell "$@"

# Open Wireshark on a running server or a capture: just wireshark step1, or just wireshark FILE
[positional-arguments]
wireshark *SERVER:
    cargo run --bin lab -- wireshark "$@"

# Say what this machine allows, and the cure for what it does not
doctor:
    cargo run --bin lab -- doctor

# Run a step in a private network and write its capture anew (a tracked file)
capture STEP:
    cargo xtask capture {{STEP}}

# Write the generated parts of the pages anew (tracked files)
docs:
    cargo xtask docs

# Make a book of the pages, with mdBook: target/book/html/index.html
book:
    cargo xtask book

# Make one archive for a room of machines without a network: target/tcp-room.tar.gz
room:
    cargo xtask room

# Make slides of the steps' pages, for a projector: target/slides.html
slides:
    cargo xtask slides

# Measure what the newline costs and write the table into its page (a tracked file), or: just newline --print
newline *OPTION:
    cargo run --release --bin xtask -- newline {{OPTION}}

# Measure speed beside strace, tcpdump and tshark, and write docs/speed.md (a tracked file): just bench [PART]
bench *PART:
    cargo bench -p xtask -- {{PART}}

# Run echo servers in other languages and write the table into its page (a tracked file)
languages:
    cargo xtask languages

# Say which steps there are if this is none
[private]
@known STEP:
    ls -d crates/{{STEP}}-*/ >/dev/null 2>&1 || { echo "there is no step \"{{STEP}}\"; there are:" >&2; ls crates | sed -n 's/^\(step[0-9]*\)-.*/  \1/p' >&2; exit 1; }
