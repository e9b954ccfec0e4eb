# awk -f match.awk PATTERNS TEXT: each line of PATTERNS is an extended regular expression for the whole of
# the next line of TEXT; a line "..." stands for any number of lines. Exit status 1 where they differ.
FNR == NR { pattern[++patterns] = $0; next }
{ line[++lines] = $0 }
END {
    at = 1
    any = 0
    for (i = 1; i <= patterns; i++) {
        if (pattern[i] == "...") {
            any = 1
            continue
        }
        while (any && at <= lines && line[at] !~ ("^(" pattern[i] ")$"))
            at++
        if (at > lines || line[at] !~ ("^(" pattern[i] ")$")) {
            printf "line %d: \"%s\" does not match \"%s\"\n", at, line[at], pattern[i]
            exit 1
        }
        any = 0
        at++
    }
    if (!any && at <= lines) {
        printf "line %d: \"%s\" is more than was expected\n", at, line[at]
        exit 1
    }
}
