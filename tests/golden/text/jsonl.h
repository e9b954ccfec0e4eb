/* Reading the golden lines: JSON as Python writes it, lone surrogates included (they become three
 * bytes, ED A0..BF 80..BF), which the product's own reader rightly refuses. */
#ifndef CCLIP_TESTS_JSONL_H
#define CCLIP_TESTS_JSONL_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct jsonl_text {
    char *data; /* NULL: absent */
    size_t length;
};
struct jsonl_ids {
    int32_t *data; /* NULL: absent */
    size_t count;
};

static inline const char *jsonl_space(const char *p)
{
    while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
        p++;
    return p;
}

/* Past the value at `p`. */
static inline const char *jsonl_skip(const char *p)
{
    int depth = 0;
    do {
        p = jsonl_space(p);
        if (*p == '"') {
            for (p++; *p && *p != '"'; p++)
                p += *p == '\\' && p[1];
            p += *p == '"';
        } else if (*p == '[' || *p == '{') {
            depth++;
            p++;
        } else if (*p == ']' || *p == '}') {
            depth--;
            p++;
        } else if (*p == ',' || *p == ':') {
            p++;
        } else {
            while (*p && !strchr(",:]} \n", *p))
                p++;
        }
    } while (depth > 0 && *p);
    return p;
}

/* The value of a key of the object in `line`, or NULL; also for null. */
static inline const char *jsonl_find(const char *line, const char *key)
{
    const char *p = jsonl_space(line);
    if (*p++ != '{')
        return NULL;
    while (*(p = jsonl_space(p)) == '"') {
        const char *end = jsonl_skip(p);
        const int same = (size_t)(end - p) == strlen(key) + 2 && !memcmp(p + 1, key, strlen(key));
        p = jsonl_space(end);
        p = jsonl_space(p + (*p == ':'));
        if (same)
            return !strncmp(p, "null", 4) ? NULL : p;
        p = jsonl_space(jsonl_skip(p));
        p += *p == ',';
    }
    return NULL;
}

static inline size_t jsonl_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    const size_t length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = length; --i > 0; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)((0xf00 >> length & 0xff) | c);
    return length;
}

static inline uint32_t jsonl_hex(const char *p)
{
    char digits[5] = { 0 };
    memcpy(digits, p, 4);
    return (uint32_t)strtoul(digits, NULL, 16);
}

static inline struct jsonl_text jsonl_string(const char *p)
{
    struct jsonl_text out = { 0 };
    if (!p || *p != '"')
        return out;
    out.data = malloc((size_t)(jsonl_skip(p) - p) + 8);
    for (p++; *p && *p != '"'; p++) {
        if (*p != '\\') {
            out.data[out.length++] = *p;
        } else if (*++p == 'u') {
            uint32_t c = jsonl_hex(p + 1);
            p += 4;
            if (c >= 0xd800 && c < 0xdc00 && p[1] == '\\' && p[2] == 'u') {
                const uint32_t low = jsonl_hex(p + 3);
                if (low >= 0xdc00 && low < 0xe000) {
                    c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
                    p += 6;
                }
            }
            out.length += jsonl_utf8(out.data + out.length, c);
        } else {
            static const char escapes[] = "n\nt\tr\rb\bf\f";
            const char *known = strchr(escapes, *p);
            out.data[out.length++] = known && !((known - escapes) & 1) ? known[1] : *p;
        }
    }
    out.data[out.length] = '\0';
    return out;
}

static inline struct jsonl_ids jsonl_array(const char *p)
{
    struct jsonl_ids out = { 0 };
    if (!p || *p != '[')
        return out;
    out.data = malloc((size_t)(jsonl_skip(p) - p + 1) * sizeof *out.data);
    for (p = jsonl_space(p + 1); *p && *p != ']';) {
        char *end;
        out.data[out.count++] = (int32_t)strtol(p, &end, 10);
        p = jsonl_space(end == p ? p + 1 : end);
        p = jsonl_space(p + (*p == ','));
    }
    return out;
}

static inline int jsonl_true(const char *p)
{
    return p && !strncmp(p, "true", 4);
}

#endif
