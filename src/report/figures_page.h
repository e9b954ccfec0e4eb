/* A page of tables of figures, with their intervals drawn: one HTML file that needs no other. */
#ifndef CCLIP_REPORT_FIGURES_PAGE_H
#define CCLIP_REPORT_FIGURES_PAGE_H

#include "base/buffer.h"
#include "image/picture.h"

struct cclip_figures_page {
    struct cclip_buffer body;
    int in_section; /* 1: a table, 2: cards */
};

/* Where a drawn interval stands on its scale; NaN anywhere draws nothing. */
struct cclip_drawn_interval {
    double least, most; /* the ends of the scale */
    double value, low, high;
};

cclip_status cclip_figures_page_begin(struct cclip_figures_page *page, const char *title,
                                      const char *summary);
void cclip_figures_page_end(struct cclip_figures_page *page);
/* Begins a table under a heading; `note` says how to read it. `heads` [count] are its columns; a last one for
 * the drawing is added. */
cclip_status cclip_figures_page_section(struct cclip_figures_page *page, const char *heading,
                                        const char *note, const char *const *heads, size_t count);
/* A row of `count` cells; `drawn` may be NULL. */
cclip_status cclip_figures_page_row(struct cclip_figures_page *page, const char *const *cells,
                                    size_t count, const struct cclip_drawn_interval *drawn);
/* Begins cards under a heading; and one of them: a thumbnail (NULL: none), what stands below it, and quieter lines. */
cclip_status cclip_figures_page_cards(struct cclip_figures_page *page, const char *heading, const char *note);
cclip_status cclip_figures_page_card(struct cclip_figures_page *page, const struct cclip_picture *thumbnail,
                                     const char *title, const char *const *lines, size_t count);
cclip_status cclip_figures_page_save(struct cclip_figures_page *page, const char *path);

#endif
