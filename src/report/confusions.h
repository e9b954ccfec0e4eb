/* Pictures with the caption that a model takes for theirs though it is not, as a part of a page. */
#ifndef CCLIP_REPORT_CONFUSIONS_H
#define CCLIP_REPORT_CONFUSIONS_H

#include "report/thumbnail.h"

struct cclip_confusion {
    struct cclip_picture picture; /* a thumbnail */
    const char *caption, *other;  /* its own; the nearest of all others */
    float own, others;            /* cosines with the picture */
};

/* A <section> with a heading, `note` and a card a picture: in red those whose own caption is not the nearest. */
cclip_status cclip_confusions_add(struct cclip_buffer *out, const char *note,
                                  const struct cclip_confusion *list, size_t count);

#endif
