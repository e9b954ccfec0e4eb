#include "cli/lines.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/console.h"
#include "cli/inputs.h"

cclip_status cclip_lines_open(struct cclip_lines *lines, const char *path, size_t maximum)
{
    lines->at = lines->end = 0;
    lines->maximum = maximum;
    lines->name = cclip_inputs_name(path);
    cclip_buffer_open(&lines->line, maximum + sizeof(lines->chunk));
    lines->file = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    return lines->file < 0 ? cclip_fail_errno(path, "cannot open") : CCLIP_OK;
}

void cclip_lines_close(struct cclip_lines *lines)
{
    cclip_buffer_close(&lines->line);
    if (lines->file > STDIN_FILENO)
        close(lines->file);
}

/* What is there now, but at least a byte; none at the end of the input. */
static cclip_status fill(struct cclip_lines *lines)
{
    const ssize_t length = read(lines->file, lines->chunk, sizeof(lines->chunk));
    if (length < 0 && !cclip_interrupted())
        return cclip_fail_errno(lines->name, "cannot read");
    lines->at = 0;
    lines->end = length > 0 ? (size_t)length : 0;
    return CCLIP_OK;
}

static void hand_out(const struct cclip_lines *lines, const char **line, size_t *length)
{
    *line = lines->line.data;
    *length = lines->line.length;
    if (*length && (*line)[*length - 1] == '\r')
        --*length;
}

cclip_status cclip_lines_next(struct cclip_lines *lines, const char **line, size_t *length)
{
    *line = NULL;
    cclip_buffer_clear(&lines->line);
    cclip_status status = cclip_buffer_reserve(&lines->line, 0);
    while (!status && !cclip_interrupted()) {
        if (lines->at == lines->end)
            status = fill(lines);
        const size_t left = lines->end - lines->at;
        if (status || !left) {
            if (!status && lines->line.length && !cclip_interrupted())
                hand_out(lines, line, length); /* the last one, without an end */
            return status;
        }
        const char *start = lines->chunk + lines->at, *end = memchr(start, '\n', left);
        const size_t taken = end ? (size_t)(end - start) : left;
        status = cclip_buffer_append(&lines->line, start, taken);
        if (!status && lines->line.length > lines->maximum)
            status = cclip_fail(CCLIP_ERROR_LIMIT, "a line of more than %zu bytes", lines->maximum);
        lines->at += taken + (end ? 1 : 0);
        if (!status && end) {
            hand_out(lines, line, length);
            return CCLIP_OK;
        }
    }
    return status;
}
