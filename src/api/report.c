/* The functions of report.h over the room report. */
#include <cclip/report.h>

#include "base/memory.h"
#include "report/contact_sheet.h"
#include "report/terminal.h"

cclip_status cclip_contact_sheet_open(cclip_contact_sheet **out, const char *title)
{
    *out = NULL;
    struct cclip_contact_sheet *sheet = cclip_allocate_zero(1, sizeof *sheet);
    if (!sheet)
        return CCLIP_ERROR_MEMORY;
    const cclip_status status = cclip_contact_sheet_begin(sheet, title);
    if (status)
        cclip_contact_sheet_close(&sheet);
    *out = sheet;
    return status;
}

void cclip_contact_sheet_close(cclip_contact_sheet **sheet)
{
    if (!*sheet)
        return;
    cclip_contact_sheet_end(*sheet);
    cclip_release(*sheet);
    *sheet = NULL;
}

cclip_status cclip_contact_sheet_add(cclip_contact_sheet *sheet, const char *path, const char *title,
                                     const char *const *labels, const float *scores, size_t count,
                                     const char *truth)
{
    const struct cclip_contact_card card = { path, title, labels, scores, count, truth };
    return cclip_contact_sheet_add_card(sheet, &card);
}

cclip_status cclip_contact_sheet_write(const cclip_contact_sheet *sheet, const char *path)
{
    return cclip_contact_sheet_save(sheet, path);
}

cclip_status cclip_terminal_picture(cclip_text_callback *write, void *user, cclip_terminal terminal,
                                    const char *path, size_t columns, size_t rows)
{
    enum { TEXT_MAXIMUM = 64 << 20 };
    struct cclip_buffer text;
    cclip_buffer_open(&text, TEXT_MAXIMUM);
    cclip_status status = cclip_terminal_draw(&text, terminal, path, columns, rows);
    if (!status && text.length && write(user, text.data, text.length))
        status = cclip_fail(CCLIP_ERROR_CANCELLED, "%s: stopped by the caller", path);
    cclip_buffer_close(&text);
    return status;
}
