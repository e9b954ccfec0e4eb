/* A page of pictures with their best labels as bars: one HTML file that needs no other. */
#ifndef CCLIP_REPORT_CONTACT_SHEET_H
#define CCLIP_REPORT_CONTACT_SHEET_H

#include "base/buffer.h"

struct cclip_contact_sheet {
    struct cclip_buffer title; /* as markup */
    struct cclip_buffer cards; /* the pictures so far, as markup */
    struct cclip_buffer file;  /* scratch: a thumbnail's bytes */
    size_t count;              /* pictures */
    size_t judged, right;      /* with a known truth; of these, where it came first */
};

struct cclip_contact_card {
    const char *path, *title; /* title NULL: the file's name */
    const char *const *labels;
    const float *scores;
    size_t count;
    const char *truth; /* or NULL */
};

cclip_status cclip_contact_sheet_begin(struct cclip_contact_sheet *sheet, const char *title);
void cclip_contact_sheet_end(struct cclip_contact_sheet *sheet);
/* On failure the sheet is as it was. */
cclip_status cclip_contact_sheet_add_card(struct cclip_contact_sheet *sheet,
                                          const struct cclip_contact_card *card);
cclip_status cclip_contact_sheet_save(const struct cclip_contact_sheet *sheet, const char *path);

#endif
