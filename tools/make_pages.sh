#!/bin/sh
# Writes man pages and shell completions from what the program says of itself.
# Usage: make_pages.sh PROGRAM FOLDER  ->  FOLDER/man/man1/*.1, FOLDER/completions/{cclip.bash,_cclip,cclip.fish}
#
# Relied upon: `PROGRAM --help` lists a verb a line, indented, with two spaces or more before its
# description; `PROGRAM VERB --help` names every option as --option.
program=$1 folder=$2
version=$("$program" --version </dev/null | grep -Eo '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1)
rm -rf "$folder/man" "$folder/completions"
mkdir -p "$folder/man/man1" "$folder/completions" || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

"$program" --help >"$work/help" 2>/dev/null </dev/null
sed -nE 's/^ +([a-z][a-z-]+)  +([^ ].*)$/\1	\2/p' "$work/help" >"$work/table"

# page NAME SUMMARY <TEXT: the text as it is, in the form of a manual page
page() {
    title=$(printf '%s' "$1" | tr 'a-z-' 'A-Z-')
    printf '.TH "%s" 1 "" "cclip %s" "cclip manual"\n.SH NAME\n%s \\- %s\n.SH DESCRIPTION\n.nf\n' \
        "$title" "$version" "$1" "$2"
    sed -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^\([.']\)/\\\\\&\1/"
    printf '.fi\n.SH SEE ALSO\n%s\n' "$3"
}

page cclip "CLIP in C: embed, classify and search pictures and texts" \
    "$(cut -f 1 "$work/table" | sed 's/.*/.BR cclip-& (1)/')" <"$work/help" >"$folder/man/man1/cclip.1"
: >"$work/options"
while IFS='	' read -r verb summary; do
    "$program" "$verb" --help >"$work/verb" 2>/dev/null </dev/null || continue
    page "cclip-$verb" "$summary" ".BR cclip (1)" <"$work/verb" >"$folder/man/man1/cclip-$verb.1"
    options=$(grep -Eo -e '--[a-z][a-z0-9-]*' "$work/verb" | sort -u | tr '\n' ' ')
    printf '%s\t%s\t%s\n' "$verb" "${options% }" "$summary" >>"$work/options"
done <"$work/table"
verbs=$(cut -f 1 "$work/options" | tr '\n' ' ')

{
    echo '# bash completion for cclip'
    echo '_cclip() {'
    echo '    local word=${COMP_WORDS[COMP_CWORD]} options='
    echo '    if [ "$COMP_CWORD" -eq 1 ]; then'
    echo "        COMPREPLY=(\$(compgen -W '${verbs}--help --version' -- \"\$word\"))"
    echo '        return'
    echo '    fi'
    echo '    case ${COMP_WORDS[1]} in'
    awk -F '\t' '{ printf "    %s) options=\"%s\" ;;\n", $1, $2 }' "$work/options"
    echo '    esac'
    echo '    case $word in'
    echo '    -*) COMPREPLY=($(compgen -W "$options" -- "$word")) ;;'
    echo '    *) COMPREPLY=($(compgen -f -- "$word")) ;;'
    echo '    esac'
    echo '}'
    echo 'complete -o filenames -F _cclip cclip'
} >"$folder/completions/cclip.bash"

{
    echo '#compdef cclip'
    echo 'if (( CURRENT == 2 )); then'
    echo '    local -a verbs=('
    awk -F '\t' -v quote="'" '{ gsub(quote, "", $3); gsub(":", "\\:", $3); printf "        %s%s:%s%s\n", quote, $1, $3, quote }' \
        "$work/options"
    echo '    )'
    echo '    _describe verb verbs'
    echo 'else'
    echo '    case $words[2] in'
    awk -F '\t' '{ printf "    %s) [[ $PREFIX == -* ]] && compadd -- %s || _files ;;\n", $1, $2 }' "$work/options"
    echo '    esac'
    echo 'fi'
} >"$folder/completions/_cclip"

{
    echo '# fish completion for cclip'
    awk -F '\t' -v quote="'" '{
        gsub(quote, "", $3)
        printf "complete -c cclip -n __fish_use_subcommand -f -a %s -d %s%s%s\n", $1, quote, $3, quote
        count = split($2, options, " ")
        for (i = 1; i <= count; i++)
            printf "complete -c cclip -n %s__fish_seen_subcommand_from %s%s -l %s\n", quote, $1, quote, substr(options[i], 3)
    }' "$work/options"
} >"$folder/completions/cclip.fish"
