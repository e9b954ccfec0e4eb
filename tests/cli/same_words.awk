# Compares two files line by line; {*} in the first stands for any text. Exit status 1 if they differ.
function matches(pattern, text,    count, parts, i, at) {
    count = split(pattern, parts, /\{\*\}/)
    if (count < 2)
        return pattern == text
    if (substr(text, 1, length(parts[1])) != parts[1])
        return 0
    text = substr(text, length(parts[1]) + 1)
    for (i = 2; i < count; i++) {
        at = index(text, parts[i])
        if (!at)
            return 0
        text = substr(text, at + length(parts[i]))
    }
    at = length(text) - length(parts[count])
    return at > 0 && substr(text, at + 1) == parts[count]
}
NR == FNR {
    expected[++lines] = $0
    next
}
{
    if (FNR > lines || !matches(expected[FNR], $0))
        differs = 1
    seen = FNR
}
END { exit differs || seen != lines }
