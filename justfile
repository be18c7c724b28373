# Each recipe is one cargo command that works without just too.

# List the recipes
[private]
default:
    @just --list --unsorted

# Run a step: just run step1 [ADDRESS]
run STEP *ADDRESS: (known STEP)
    cargo run --bin {{STEP}} -- {{ADDRESS}}

# Run all tests
test:
    cargo test --workspace

# Show what differs between two steps: just diff step1 step2
diff A B:
    cargo run -q -p lab -- diff {{A}} {{B}}

# Draw a step's capture, or any capture file: just show step1
show STEP:
    cargo run -q -p lab -- show {{STEP}}

# Run a step in a private network and write its capture anew
capture STEP:
    cargo run -q -p lab -- capture {{STEP}}

# Write the generated parts of the pages anew
docs:
    cargo run -q -p lab -- docs

# Measure what the newline costs and write the table into the pages
newline:
    cargo run -q --release -p lab -- newline

# Say which steps there are if this is none
[private]
@known STEP:
    ls -d crates/{{STEP}}-*/ >/dev/null 2>&1 || { echo "there is no step \"{{STEP}}\"; there are:" >&2; ls crates | sed -n 's/^\(step[0-9]*\)-.*/  \1/p' >&2; exit 1; }
