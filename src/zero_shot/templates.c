#include "zero_shot/templates.h"

#include <string.h>

#include "base/limits.h"
#include "base/memory.h"

/* A piece of a text; nothing is copied until it is known to be a template. */
struct span {
    const char *begin, *end;
};

/* Length of the placeholder that begins at `p`, or 0. */
static size_t placeholder(const char *p, const char *end)
{
    if (end - p >= 2 && p[0] == '{' && p[1] == '}')
        return 2;
    return end - p >= 3 && p[0] == '{' && p[1] == 'c' && p[2] == '}' ? 3 : 0;
}

static int has_placeholder(struct span s)
{
    for (const char *p = s.begin; p < s.end; p++)
        if (placeholder(p, s.end))
            return 1;
    return 0;
}

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static struct span trim(struct span s)
{
    while (s.begin < s.end && is_space(*s.begin))
        s.begin++;
    while (s.begin < s.end && is_space(s.end[-1]))
        s.end--;
    return s;
}

static int starts_with(struct span s, const char *text)
{
    const size_t length = strlen(text);
    return (size_t)(s.end - s.begin) >= length && !memcmp(s.begin, text, length);
}

/* Takes off what surrounds a string in Python source. A line that is only quoted at one end is a
 * sentence of its own and stays. */
static struct span unquote(struct span s)
{
    struct span inner = s;
    if (starts_with(inner, "lambda c:")) {
        inner.begin += strlen("lambda c:");
        inner = trim(inner);
    }
    if (inner.begin < inner.end && *inner.begin == 'f' && inner.end - inner.begin > 1 &&
        (inner.begin[1] == '\'' || inner.begin[1] == '"'))
        inner.begin++;
    if (inner.begin < inner.end && inner.end[-1] == ',')
        inner.end--;
    inner = trim(inner);
    const char quote = inner.end - inner.begin >= 2 ? *inner.begin : '\0';
    if ((quote != '\'' && quote != '"') || inner.end[-1] != quote)
        return s;
    return (struct span){ inner.begin + 1, inner.end - 1 };
}

/* "]", "[", "imagenet_templates = [": a Python list's own lines. */
static int is_bracket(struct span s)
{
    const size_t length = (size_t)(s.end - s.begin);
    if (length <= 2 && length && (*s.begin == ']' || *s.begin == '['))
        return 1;
    return length > 3 && s.end[-1] == '[' && !has_placeholder(s) &&
           memchr(s.begin, '=', length) != NULL;
}

/* The next line of `rest`, trimmed; `rest` moves behind it. */
static struct span next_line(struct span *rest)
{
    const char *end = memchr(rest->begin, '\n', (size_t)(rest->end - rest->begin));
    const struct span line = { rest->begin, end ? end : rest->end };
    rest->begin = end ? end + 1 : rest->end;
    return trim(line);
}

static struct span whole_text(const char *text, size_t length)
{
    struct span all = { text, text + length };
    if (starts_with(all, "\xef\xbb\xbf")) /* a byte order mark */
        all.begin += 3;
    return all;
}

static cclip_status add_template(struct cclip_templates *templates, struct span s)
{
    if (memchr(s.begin, '\0', (size_t)(s.end - s.begin)))
        return cclip_fail(CCLIP_ERROR_FORMAT, "a template holds a zero byte");
    if (!has_placeholder(s))
        return cclip_fail(CCLIP_ERROR_FORMAT, "no {} for the label in the template \"%.*s\"",
                          (int)(s.end - s.begin > 60 ? 60 : s.end - s.begin), s.begin);
    return cclip_names_add(&templates->list, s.begin, (size_t)(s.end - s.begin));
}

cclip_status cclip_template_list_parse(struct cclip_templates **out, const char *text,
                                       size_t length, const char *name)
{
    *out = NULL;
    struct cclip_templates *templates = cclip_allocate_zero(1, sizeof *templates);
    if (!templates)
        return CCLIP_ERROR_MEMORY;
    cclip_status status = CCLIP_OK;
    struct span rest = whole_text(text, length);
    for (size_t number = 1; rest.begin < rest.end && !status; number++) {
        const struct span line = next_line(&rest);
        if (line.begin == line.end || *line.begin == '#' || is_bracket(line))
            continue;
        status = add_template(templates, unquote(line));
        if (status)
            cclip_fail_in(status, "%s: line %zu", name, number);
    }
    if (!status && !templates->list.count)
        status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: no template in it", name);
    if (status)
        cclip_template_list_close(&templates);
    *out = templates;
    return status;
}

cclip_status cclip_template_list_read(struct cclip_templates **out, const char *path)
{
    struct cclip_buffer text;
    *out = NULL;
    cclip_buffer_open(&text, CCLIP_LIMIT_TEXT_BYTES);
    cclip_status status = cclip_file_read(&text, path, CCLIP_LIMIT_TEXT_BYTES);
    if (!status)
        status = cclip_template_list_parse(out, text.data ? text.data : "", text.length, path);
    cclip_buffer_close(&text);
    return status;
}

cclip_status cclip_template_list_copy(struct cclip_templates **out, const char *const *templates,
                                      size_t count)
{
    *out = NULL;
    if (!count)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "an empty list of templates");
    struct cclip_templates *copy = cclip_allocate_zero(1, sizeof *copy);
    cclip_status status = copy ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < count && !status; i++) {
        status = add_template(copy, (struct span){ templates[i], templates[i] + strlen(templates[i]) });
        if (status == CCLIP_ERROR_FORMAT)
            status = cclip_fail_in(CCLIP_ERROR_ARGUMENT, "template %zu", i + 1);
    }
    if (status)
        cclip_template_list_close(&copy);
    *out = copy;
    return status;
}

void cclip_template_list_close(struct cclip_templates **templates)
{
    if (!*templates)
        return;
    cclip_names_close(&(*templates)->list);
    cclip_release(*templates);
    *templates = NULL;
}

cclip_status cclip_template_expand(struct cclip_buffer *out, const char *template,
                                   const char *label, size_t label_length)
{
    cclip_status status = CCLIP_OK;
    const char *end = template + strlen(template), *from = template;
    for (const char *p = template; p < end && !status;) {
        const size_t length = placeholder(p, end);
        if (!length) {
            p++;
            continue;
        }
        status = cclip_buffer_append(out, from, (size_t)(p - from));
        if (!status)
            status = cclip_buffer_append(out, label, label_length);
        from = p += length;
    }
    return status ? status : cclip_buffer_append(out, from, (size_t)(end - from));
}

cclip_status cclip_word_list_read(struct cclip_names *out, const char *path)
{
    struct cclip_buffer text;
    *out = (struct cclip_names){ 0 };
    cclip_buffer_open(&text, CCLIP_LIMIT_TEXT_BYTES);
    cclip_status status = cclip_file_read(&text, path, CCLIP_LIMIT_TEXT_BYTES);
    struct span rest = whole_text(text.data ? text.data : "", text.length);
    while (!status && rest.begin < rest.end) {
        const struct span line = next_line(&rest);
        if (line.begin < line.end && *line.begin != '#')
            status = cclip_names_add(out, line.begin, (size_t)(line.end - line.begin));
    }
    if (!status && !out->count)
        status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: no word in it", path);
    if (status)
        cclip_names_close(out);
    cclip_buffer_close(&text);
    return status;
}
