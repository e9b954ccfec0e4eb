# What the commands of tests/cli may use; read by run.sh and bad_input.sh before each of them.
#
#   $CCLIP_GOLDEN $CCLIP_VOCAB $CCLIP_DATA $CCLIP_SOURCE    folders (the first two may be absent)
#   cclip                                                   the program under test, by PATH
#   make_broken                                             tests/support/make_broken.c, by PATH
# The current folder is empty, belongs to this test and is removed after it.

: "${CCLIP_SOURCE:=$(cd "$(dirname "$0")/../.." && pwd)}"
: "${CCLIP_BINARY:=$CCLIP_SOURCE/build}"
: "${CCLIP_PROGRAM:=$CCLIP_BINARY/cclip}"
: "${CCLIP_GOLDEN:=$CCLIP_SOURCE/../shared/golden}"
: "${CCLIP_VOCAB:=$CCLIP_SOURCE/../shared/vocab}"
CCLIP_DATA="$CCLIP_SOURCE/tests/data"
export CCLIP_SOURCE CCLIP_BINARY CCLIP_PROGRAM CCLIP_GOLDEN CCLIP_VOCAB CCLIP_DATA
unset CCLIP_MODEL

# Makes the test's folder, with `cclip` in bin/ beside it, and goes there. The program is copied: an
# unprivileged user may not be able to reach the build folder.
enter_work_folder() {
    umask 022
    top=$(mktemp -d "${TMPDIR:-/tmp}/cclip-test-XXXXXX") || exit 1
    trap 'umount "$top/work/full" 2>/dev/null; chmod -R u+rwX "$top" 2>/dev/null; rm -rf "$top"' EXIT
    trap 'exit 1' HUP INT TERM
    chmod 755 "$top"
    mkdir "$top/bin" "$top/work"
    ln "$CCLIP_PROGRAM" "$top/bin/cclip" 2>/dev/null || cp "$CCLIP_PROGRAM" "$top/bin/cclip" || exit 1
    PATH="$top/bin:$CCLIP_BINARY/tests/bin:$PATH"
    HOME=$top XDG_CACHE_HOME=$top/cache LC_ALL=C.UTF-8
    export PATH HOME XDG_CACHE_HOME LC_ALL
    cd "$top/work" || exit 1
}

# skip REASON: this test cannot run here, and says so.
skip() {
    echo "skipped: $*" >&3
    : >"$top/skipped"
    exit 77
}

# need golden|vocab|root|FILE: skips where it is absent.
need() {
    case $1 in
    golden) [ -d "$CCLIP_GOLDEN" ] || skip "no golden data in $CCLIP_GOLDEN" ;;
    vocab) [ -d "$CCLIP_VOCAB" ] || skip "no vocabulary in $CCLIP_VOCAB" ;;
    root) [ "$(id -u)" -eq 0 ] || skip "needs root" ;;
    *) [ -e "$1" ] || skip "$1 is absent" ;;
    esac
}

# Makes the folder `full`, on a disk with no room left: a tiny file system where root may mount one,
# else a limit on file size, whose error is then spelled as a full disk's (see tidy).
full_disk() {
    mkdir full
    if mount -t tmpfs -o size=16k,mode=777 none full 2>/dev/null; then
        cat /dev/zero >full/ballast 2>/dev/null
    else
        trap '' XFSZ
        ulimit -f 1 # not 0: the message must still come out
    fi
    return 0
}

# A small model of tests/data/interop in the folder m, to be broken.
copy_model() {
    cp -r "$CCLIP_DATA/interop/${1:-hf_clip_bf16}" m
    chmod -R u+w m
}
# edit FILE OLD NEW: replaces the first occurrence of a text, which must be there.
edit() {
    make_broken edit "$1" edited "$2" "$3" && mv edited "$1"
}
# edit_header OLD NEW: the same in the safetensors header of m, whose length is adjusted.
edit_header() {
    make_broken safetensors-edit m/model.safetensors edited "$1" "$2" && mv edited m/model.safetensors
}
# demo NAME: a picture of share/demo, NAME.webp; corpus FORMAT/NAME FILE: a tiny one of any format.
demo() {
    cp "$CCLIP_SOURCE/share/demo/$1.webp" "$1.webp"
}
corpus() {
    cp "$CCLIP_SOURCE/tests/fuzz/corpora/$1" "$2"
}
# gguf: the small GGUF model m.gguf; torch: the training checkpoint m/m.pt.
gguf() {
    cp "$CCLIP_DATA/golden/models/hf_vit_tiny/gguf/model_q4_0.gguf" m.gguf
}
torch() {
    copy_model oc_train_checkpoint
    mv m/epoch_1.pt m/m.pt
}
# tiny_model [WORDS]: tiny.json, a configuration with a vocabulary of that size (6144); tiny_pairs N: pairs.tsv.
tiny_model() {
    echo '{"embed_dim": 16, "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16,
        "patch_size": 16}, "text_cfg": {"context_length": 12, "vocab_size": '"${1:-6144}"', "width": 32,
        "heads": 2, "layers": 1}}' >tiny.json
}
tiny_pairs() {
    printf 'filepath\ttitle\n' >pairs.tsv
    for name in cat dog cow owl fish frog bee bus; do
        printf '%s\ta small %s\n' "$CCLIP_SOURCE/share/demo/$name.webp" $name
    done | head -n "$1" >>pairs.tsv
}
# keep FILE N: the first N bytes stay, or with -N all but the last N.
keep() {
    head -c "$2" "$1" >kept && mv kept "$1"
}

# Spells folders by name, so that expected texts hold on every machine.
tidy() {
    awk -v work="$top/work" -v cache="$top/cache" -v golden="$CCLIP_GOLDEN" -v vocab="$CCLIP_VOCAB" -v source="$CCLIP_SOURCE" '
        function replace(text, from, to,    at, out) {
            out = ""
            while (from != "" && (at = index(text, from))) {
                out = out substr(text, 1, at - 1) to
                text = substr(text, at + length(from))
            }
            return out text
        }
        {
            line = replace(replace(replace($0, work, "@WORK@"), cache, "@CACHE@"), golden, "@GOLDEN@")
            line = replace(replace(line, vocab, "@VOCAB@"), source, "@SOURCE@")
            print replace(line, "File too large", "No space left on device")
        }' "$1" >"$1.tidy" && mv "$1.tidy" "$1"
}

# as_user USER SCRIPT: runs a shell script as that user (or as oneself for "-"). One who is no root is
# unprivileged already.
as_user() {
    if [ "$1" = - ] || [ "$(id -u)" -ne 0 ]; then
        sh "$2"
    elif command -v setpriv >/dev/null; then
        setpriv --reuid="$1" --regid="$(id -g "$1")" --clear-groups sh "$2"
    else
        su -s /bin/sh "$1" -c "sh '$2'"
    fi
}
