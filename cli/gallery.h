/* A gallery: pictures with candidate labels each, as share/demo/gallery.jsonl. One JSON object a
 * line: "file" (relative to the gallery's folder), "title", "labels" [...], "truth" (may be
 * absent). */
#ifndef CCLIP_CLI_GALLERY_H
#define CCLIP_CLI_GALLERY_H

#include "cli/inputs.h"

struct cclip_gallery_item {
    size_t first, count; /* its candidates in `choices` */
    size_t truth;        /* the right label, or CCLIP_NO_TRUTH */
};

struct cclip_gallery {
    struct cclip_inputs paths, titles;
    struct cclip_inputs labels; /* of all pictures, each once */
    struct cclip_gallery_item *items;
    size_t *choices; /* places in `labels` */
    size_t item_capacity, choice_count, choice_capacity;
};

#define CCLIP_NO_TRUTH ((size_t)-1)

void cclip_gallery_open(struct cclip_gallery *gallery);
void cclip_gallery_close(struct cclip_gallery *gallery);
cclip_status cclip_gallery_read(struct cclip_gallery *gallery, const char *path);

/* Where `label` stands among the labels; added if it is new. */
cclip_status cclip_gallery_label(struct cclip_gallery *gallery, const char *label, size_t length,
                                 size_t *place);

#endif
