#include "report/contact_sheet.h"

#include <cclip/version.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "report/contact_sheet_style.h"
#include "report/markup.h"
#include "report/thumbnail.h"

/* One and a half times the size at which a card shows it, for screens with small pixels. */
enum { PICTURE_WIDTH = 256, PICTURE_HEIGHT = 192 };
enum { DARK = 70, LIGHT = 225 };
enum { CARDS_MAXIMUM = 1 << 30, FILE_MAXIMUM = 4 << 20, TITLE_MAXIMUM = 1 << 20 };

cclip_status cclip_contact_sheet_begin(struct cclip_contact_sheet *sheet, const char *title)
{
    *sheet = (struct cclip_contact_sheet){ .count = 0 };
    cclip_buffer_open(&sheet->title, TITLE_MAXIMUM);
    cclip_buffer_open(&sheet->cards, CARDS_MAXIMUM);
    cclip_buffer_open(&sheet->file, FILE_MAXIMUM);
    return cclip_markup_text(&sheet->title, title ? title : "");
}

void cclip_contact_sheet_end(struct cclip_contact_sheet *sheet)
{
    cclip_buffer_close(&sheet->title);
    cclip_buffer_close(&sheet->cards);
    cclip_buffer_close(&sheet->file);
}

static const char *name_of(const struct cclip_contact_card *card)
{
    return card->title ? card->title : cclip_path_name(card->path);
}

static int is_truth(const struct cclip_contact_card *card, const char *label)
{
    return card->truth && !strcmp(card->truth, label);
}

/* A black drawing on nothing would vanish on a dark page, a white one on a light page: the class tells
 * the style to put a plate behind it. */
static const char *shade_of(const struct cclip_picture *picture)
{
    double sum = 0, weight = 0;
    if (picture->mode != CCLIP_MODE_RGBA)
        return "";
    for (size_t y = 0; y < picture->height; y++) {
        const unsigned char *pixel = picture->pixels + y * picture->stride;
        for (size_t x = 0; x < picture->width; x++, pixel += 4) {
            sum += pixel[3] * (0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]);
            weight += pixel[3];
        }
    }
    return sum < DARK * weight ? " class=\"dark\"" : sum > LIGHT * weight ? " class=\"light\"" : "";
}

static cclip_status add_picture(struct cclip_contact_sheet *sheet,
                                const struct cclip_contact_card *card)
{
    const struct cclip_thumbnail_size size = { PICTURE_WIDTH, PICTURE_HEIGHT, 0 };
    struct cclip_buffer *out = &sheet->cards;
    struct cclip_picture picture;
    const char *type = NULL;
    cclip_status status = cclip_thumbnail_read(&picture, card->path, &size);
    if (status)
        return status;
    cclip_buffer_clear(&sheet->file);
    status = cclip_thumbnail_encode(&sheet->file, &picture, &type);
    if (!status)
        status = cclip_buffer_format(out,
                                     "<div class=\"picture\"><img%s loading=\"lazy\" width=\"%zu\" "
                                     "height=\"%zu\" alt=\"",
                                     shade_of(&picture), picture.width, picture.height);
    cclip_picture_close(&picture);
    if (!status)
        status = cclip_markup_text(out, name_of(card));
    if (!status)
        status = cclip_buffer_format(out, "\" src=\"data:%s;base64,", type);
    if (!status)
        status = cclip_base64(out, sheet->file.data, sheet->file.length);
    return status ? status : cclip_buffer_text(out, "\"></div>\n");
}

static cclip_status add_heading(struct cclip_buffer *out, const struct cclip_contact_card *card)
{
    cclip_status status = cclip_buffer_text(out, "<h2 title=\"");
    if (!status)
        status = cclip_markup_text(out, card->path);
    if (!status)
        status = cclip_buffer_text(out, "\">");
    if (!status)
        status = cclip_markup_text(out, name_of(card));
    return status ? status : cclip_buffer_text(out, "</h2>\n");
}

/* The tick is for the eyes, the hidden words for a reader aloud and for copied text. */
#define TICK "<span class=\"tick\" aria-hidden=\"true\">\u2713</span><span class=\"aloud\"> (right)</span>"

static cclip_status add_label(struct cclip_buffer *out, const char *label, float score, int truth)
{
    const int permille = cclip_permille(score);
    cclip_status status = cclip_buffer_format(out, "<li%s><span class=\"label\">",
                                              truth ? " class=\"truth\"" : "");
    if (!status)
        status = cclip_markup_text(out, label);
    if (!status)
        status = cclip_buffer_format(out,
                                     "%s</span><span class=\"share\">%d.%d\u00a0%%</span>"
                                     "<span class=\"bar\"><i style=\"width:%d.%d%%\"></i></span></li>\n",
                                     truth ? TICK : "", permille / 10, permille % 10, permille / 10,
                                     permille % 10);
    return status;
}

/* Where the right label is not among those shown it is named below them. */
static cclip_status add_labels(struct cclip_buffer *out, const struct cclip_contact_card *card)
{
    int shown = 0;
    cclip_status status = card->count ? cclip_buffer_text(out, "<ol>\n") : CCLIP_OK;
    for (size_t i = 0; i < card->count && !status; i++) {
        shown |= is_truth(card, card->labels[i]);
        status = add_label(out, card->labels[i], card->scores[i], is_truth(card, card->labels[i]));
    }
    if (!status && card->count)
        status = cclip_buffer_text(out, "</ol>\n");
    if (status || shown || !card->truth)
        return status;
    status = cclip_buffer_text(out, "<p class=\"missed\">right: <b>");
    if (!status)
        status = cclip_markup_text(out, card->truth);
    return status ? status : cclip_buffer_text(out, "</b></p>\n");
}

cclip_status cclip_contact_sheet_add_card(struct cclip_contact_sheet *sheet,
                                          const struct cclip_contact_card *card)
{
    struct cclip_buffer *out = &sheet->cards;
    const size_t before = out->length;
    const int right = card->count && is_truth(card, card->labels[0]);
    cclip_status status = cclip_buffer_format(
        out, "<article class=\"%s\">\n", !card->truth ? "open" : right ? "right" : "wrong");
    if (!status)
        status = add_picture(sheet, card);
    if (!status)
        status = add_heading(out, card);
    if (!status)
        status = add_labels(out, card);
    if (!status)
        status = cclip_buffer_text(out, "</article>\n");
    if (status) {
        out->length = before;
        return status;
    }
    sheet->count++;
    sheet->judged += card->truth != NULL;
    sheet->right += (size_t)right;
    return CCLIP_OK;
}

static size_t tenths_of_percent(size_t part, size_t whole)
{
    return whole ? (part * 2000 + whole) / (2 * whole) : 0;
}

/* How often the right label came first, as words and as a bar, and a choice of what to see. */
static cclip_status add_summary(struct cclip_buffer *out, const struct cclip_contact_sheet *sheet)
{
    const size_t share = tenths_of_percent(sheet->right, sheet->judged);
    if (!sheet->judged)
        return cclip_buffer_format(out, "<p class=\"summary\">%zu picture%s</p>\n", sheet->count,
                                   sheet->count == 1 ? "" : "s");
    cclip_status status = cclip_buffer_format(
        out,
        "<p class=\"summary\"><b>%zu of %zu</b> with the right label first (%zu.%zu\u00a0%%)</p>\n"
        "<div class=\"total\"><i style=\"width:%zu.%zu%%\"></i></div>\n",
        sheet->right, sheet->judged, share / 10, share % 10, share / 10, share % 10);
    if (!status && sheet->right < sheet->judged)
        status = cclip_buffer_format(
            out,
            "<fieldset><legend>Show</legend>\n"
            "<label><input type=\"radio\" name=\"show\" id=\"show-all\" checked>all %zu</label>\n"
            "<label><input type=\"radio\" name=\"show\" id=\"show-right\">right %zu</label>\n"
            "<label><input type=\"radio\" name=\"show\" id=\"show-wrong\">wrong %zu</label>\n"
            "</fieldset>\n",
            sheet->count, sheet->right, sheet->judged - sheet->right);
    return status;
}

static cclip_status add_head(struct cclip_buffer *out, const struct cclip_contact_sheet *sheet)
{
    const char *title = sheet->title.data ? sheet->title.data : "";
    cclip_status status = cclip_buffer_text(
        out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
             "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"generator\" "
             "content=\"cclip " CCLIP_VERSION_STRING "\">\n<title>");
    if (!status)
        status = cclip_buffer_text(out, title);
    if (!status)
        status = cclip_buffer_text(out, "</title>\n<style>\n");
    if (!status)
        status = cclip_buffer_text(out, cclip_contact_sheet_style);
    if (!status)
        status = cclip_buffer_text(out, "</style>\n</head>\n<body>\n<header>\n<h1>");
    if (!status)
        status = cclip_buffer_text(out, title);
    if (!status)
        status = cclip_buffer_text(out, "</h1>\n");
    if (!status)
        status = add_summary(out, sheet);
    return status ? status : cclip_buffer_text(out, "</header>\n<main>\n");
}

cclip_status cclip_contact_sheet_save(const struct cclip_contact_sheet *sheet, const char *path)
{
    static const char foot[] = "</main>\n<footer>Made by cclip " CCLIP_VERSION_STRING ". A bar is the "
                               "model's share for a label among the candidates.</footer>\n"
                               "</body>\n</html>\n";
    struct cclip_buffer head;
    struct cclip_writer writer;
    cclip_buffer_open(&head, TITLE_MAXIMUM * 4);
    cclip_status status = add_head(&head, sheet);
    if (!status)
        status = cclip_writer_open(&writer, path);
    if (!status) {
        status = cclip_writer_write(&writer, head.data, head.length);
        if (!status && sheet->cards.length)
            status = cclip_writer_write(&writer, sheet->cards.data, sheet->cards.length);
        if (!status)
            status = cclip_writer_write(&writer, foot, sizeof foot - 1);
        if (!status)
            status = cclip_writer_commit(&writer);
        cclip_writer_close(&writer);
    }
    cclip_buffer_close(&head);
    return status;
}
