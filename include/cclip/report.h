/** @file
 * Results to look at: a page of pictures with their labels. */
#ifndef CCLIP_REPORT_H
#define CCLIP_REPORT_H

#include <stddef.h>
#include <cclip/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An HTML page of pictures with their best labels as bars; pictures are inside it. */
typedef struct cclip_contact_sheet cclip_contact_sheet;

/** Begins an empty page. */
CCLIP_API cclip_status cclip_contact_sheet_open(cclip_contact_sheet **out, const char *title);
/** Frees it and sets the pointer to NULL; NULL is fine. */
CCLIP_API void cclip_contact_sheet_close(cclip_contact_sheet **sheet);

/**
 * Adds the picture file `path` under the name `title` (NULL: its file name) with `count` labels and
 * their scores in [0, 1], best first. `truth` is the right label or NULL where it is not known: the
 * page then marks it and counts how often it came first. Everything is copied.
 */
CCLIP_API cclip_status cclip_contact_sheet_add(cclip_contact_sheet *sheet, const char *path,
                                               const char *title, const char *const *labels,
                                               const float *scores, size_t count,
                                               const char *truth);

/** Writes the page; the file appears when it is complete. The page needs no other file and no network. */
CCLIP_API cclip_status cclip_contact_sheet_write(const cclip_contact_sheet *sheet,
                                                 const char *path);

/** What a terminal is able to show. */
typedef enum cclip_terminal {
    CCLIP_TERMINAL_NONE = 0,   /**< no pictures */
    CCLIP_TERMINAL_BLOCKS = 1, /**< half blocks in 24-bit colour */
    CCLIP_TERMINAL_KITTY = 2,  /**< kitty's graphics protocol */
    CCLIP_TERMINAL_ITERM = 3,  /**< iTerm2's inline pictures */
    CCLIP_TERMINAL_SIXEL = 4
} cclip_terminal;

/** By the environment ($TERM, $COLORTERM, $TERM_PROGRAM ...), unless $CCLIP_TERMINAL names it: none,
 * blocks, kitty, iterm or sixel. CCLIP_TERMINAL_NONE where $NO_COLOR is set. Whether the output is a
 * terminal at all is for the caller to know. */
CCLIP_API cclip_terminal cclip_terminal_detect(void);

/** Receives text; returns nonzero to stop. */
typedef int cclip_text_callback(void *user, const char *text, size_t length);

/** Sends the picture file `path`, at most `columns` x `rows` characters large, to `write`. The text
 * ends with the cursor at the beginning of a new line. CCLIP_ERROR_CANCELLED when `write` stops it;
 * nothing is sent to CCLIP_TERMINAL_NONE. */
CCLIP_API cclip_status cclip_terminal_picture(cclip_text_callback *write, void *user,
                                              cclip_terminal terminal, const char *path,
                                              size_t columns, size_t rows);

#ifdef __cplusplus
}
#endif
#endif
