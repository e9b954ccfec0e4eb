#include "data/brace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

enum { DIGITS_MAXIMUM = 18 };

/* What stands between '{' and '}': a list of words, or a range of numbers. */
struct brace {
    const char *begin, *end; /* inside the braces */
    int is_range;
    long long first, last;
    int width;
    size_t count;
};

static size_t digits(const char *text, const char *end)
{
    const size_t count = strspn(text, "0123456789");
    return text + count <= end && count <= DIGITS_MAXIMUM ? count : 0;
}

/* "000..127" */
static int read_range(struct brace *b)
{
    const size_t first = digits(b->begin, b->end);
    if (!first || b->begin + first + 2 >= b->end || strncmp(b->begin + first, "..", 2))
        return 0;
    const char *second = b->begin + first + 2;
    const size_t last = digits(second, b->end);
    if (!last || second + last != b->end)
        return 0;
    const size_t wider = first > last ? first : last;
    b->is_range = 1;
    b->first = strtoll(b->begin, NULL, 10);
    b->last = strtoll(second, NULL, 10);
    b->width = (first > 1 && *b->begin == '0') || (last > 1 && *second == '0') ? (int)wider : 0;
    b->count = (size_t)llabs(b->last - b->first) + 1;
    return 1;
}

static int read_list(struct brace *b)
{
    b->is_range = 0;
    b->count = 1;
    for (const char *p = b->begin; p < b->end; p++)
        b->count += *p == ',';
    return b->count > 1;
}

/* The first brace at or after `text` that stands for something. */
static int find_brace(struct brace *out, const char *text)
{
    for (const char *open = strchr(text, '{'); open; open = strchr(open + 1, '{')) {
        out->begin = open + 1;
        out->end = strchr(out->begin, '}');
        if (!out->end)
            return 0;
        if (!memchr(out->begin, '{', (size_t)(out->end - out->begin)) &&
            (read_range(out) || read_list(out)))
            return 1;
    }
    return 0;
}

/* The `index`-th thing that a brace stands for. */
static cclip_status append_choice(struct cclip_buffer *out, const struct brace *b, size_t index)
{
    const char *word = b->begin;
    if (b->is_range) {
        const long long step = (long long)index;
        return cclip_buffer_format(out, "%0*lld", b->width,
                                   b->last < b->first ? b->first - step : b->first + step);
    }
    while (index--)
        word = strchr(word, ',') + 1;
    return cclip_buffer_append(out, word, strcspn(word, ",}"));
}

/* How many names there are in all, or 0 beyond the limit. */
static size_t count_names(const char *pattern)
{
    struct brace b;
    size_t count = 1;
    for (const char *rest = pattern; find_brace(&b, rest); rest = b.end + 1) {
        if (b.count > CCLIP_LIMIT_SHARDS / count)
            return 0;
        count *= b.count;
    }
    return count;
}

/* Name number `index`: its digits in the mixed base of the braces, the last brace being the lowest. */
static cclip_status make_name(struct cclip_buffer *out, const char *pattern, size_t index,
                              size_t count)
{
    struct brace b;
    cclip_status status = CCLIP_OK;
    cclip_buffer_clear(out);
    while (!status && find_brace(&b, pattern)) {
        count /= b.count;
        status = cclip_buffer_append(out, pattern, (size_t)(b.begin - 1 - pattern));
        if (!status)
            status = append_choice(out, &b, index / count);
        index %= count;
        pattern = b.end + 1;
    }
    return status ? status : cclip_buffer_text(out, pattern);
}

cclip_status cclip_brace_expand(struct cclip_names *out, const char *pattern)
{
    struct cclip_buffer name;
    const size_t count = count_names(pattern);
    if (!count)
        return cclip_fail(CCLIP_ERROR_LIMIT, "%s: more than %zu shards", pattern, CCLIP_LIMIT_SHARDS);
    cclip_buffer_open(&name, CCLIP_LIMIT_PATH);
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < count && !status; i++) {
        status = make_name(&name, pattern, i, count);
        if (!status)
            status = cclip_names_add(out, name.data, name.length);
    }
    cclip_buffer_close(&name);
    return status;
}
