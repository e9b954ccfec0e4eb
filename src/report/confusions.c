#include "report/confusions.h"

#include "base/limits.h"
#include "report/chart.h"
#include "report/markup.h"

static cclip_status add_picture(struct cclip_buffer *out, const struct cclip_picture *picture)
{
    struct cclip_buffer file;
    const char *type;
    cclip_buffer_open(&file, CCLIP_LIMIT_IMAGE_FILE);
    cclip_status status = cclip_thumbnail_encode(&file, picture, &type);
    if (!status)
        status = cclip_buffer_format(out, "<img alt=\"\" width=\"%zu\" height=\"%zu\" src=\"data:%s;base64,",
                                     picture->width, picture->height, type);
    if (!status)
        status = cclip_base64(out, file.data, file.length);
    cclip_buffer_close(&file);
    return status ? status : cclip_buffer_text(out, "\">\n");
}

static cclip_status add_caption(struct cclip_buffer *out, const char *class, float cosine, const char *caption)
{
    cclip_status status = cclip_buffer_format(out, "<p class=\"%s\"><b>", class);
    if (!status)
        status = cclip_chart_number(out, (double)cosine);
    if (!status)
        status = cclip_buffer_text(out, "</b> ");
    if (!status)
        status = cclip_markup_text(out, caption);
    return status ? status : cclip_buffer_text(out, "</p>\n");
}

static cclip_status add_card(struct cclip_buffer *out, const struct cclip_confusion *c)
{
    cclip_status status = cclip_buffer_text(out, "<div class=\"pair\">\n");
    if (!status)
        status = add_picture(out, &c->picture);
    if (!status)
        status = cclip_buffer_text(out, "<div>\n");
    if (!status)
        status = add_caption(out, "own", c->own, c->caption);
    if (!status && c->other)
        status = add_caption(out, c->others > c->own ? "wrong" : "next", c->others, c->other);
    return status ? status : cclip_buffer_text(out, "</div></div>\n");
}

cclip_status cclip_confusions_add(struct cclip_buffer *out, const char *note,
                                  const struct cclip_confusion *list, size_t count)
{
    cclip_status status = cclip_buffer_text(out, "<section>\n<h2>Pairs and their worst confusions</h2>\n<p>");
    if (!status)
        status = cclip_markup_text(out, note);
    if (!status)
        status = cclip_buffer_text(out, "</p>\n<div class=\"pairs\">\n");
    for (size_t i = 0; i < count && !status; i++)
        status = add_card(out, &list[i]);
    return status ? status : cclip_buffer_text(out, "</div>\n</section>\n");
}
