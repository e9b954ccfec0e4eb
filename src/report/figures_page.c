#include "report/figures_page.h"

#include <math.h>

#include "base/file.h"
#include "report/markup.h"
#include "report/thumbnail.h"

enum { PAGE_MAXIMUM = 1 << 28, FILE_MAXIMUM = 4 << 20 };

static const char head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<style>\n"
    ":root{color-scheme:light dark;--page:#f4f4f1;--card:#fff;--line:#e3e2dc;--text:#1c1c1a;"
    "--quiet:#6c6a63;--track:#eeede8;--bar:#8ea0c0;--dot:#24417a}\n"
    "@media(prefers-color-scheme:dark){:root{--page:#151617;--card:#1f2123;--line:#303336;"
    "--text:#ececea;--quiet:#9b9c98;--track:#2b2e31;--bar:#5d6b85;--dot:#b9cdf5}}\n"
    "body{margin:0 auto;padding:2rem clamp(.75rem,3vw,2.5rem);max-width:72rem;background:var(--page);"
    "color:var(--text);font:15px/1.45 system-ui,-apple-system,\"Segoe UI\",Roboto,sans-serif}\n"
    "h1{margin:0;font-size:1.8rem;letter-spacing:-.02em;overflow-wrap:anywhere}\n"
    "h2{margin:2rem 0 .3rem;font-size:1.15rem}\np{margin:.3rem 0 .8rem;color:var(--quiet);max-width:46rem}\n"
    ".scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:.6rem}\n"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.4rem .8rem;text-align:left;border-top:1px solid var(--line)}\n"
    "th{border-top:0;font-weight:600;color:var(--quiet)}\n"
    "td.drawn{width:14rem;min-width:9rem}\n"
    "svg{display:block;width:100%;height:1rem}\n"
    ".cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(10rem,1fr));gap:.8rem;padding:.8rem;"
    "background:var(--card);border:1px solid var(--line);border-radius:.6rem}\n"
    "figure{margin:0;min-width:0}figure img{display:block;max-width:100%;height:8rem;object-fit:contain;"
    "background:#fff;border-radius:.3rem}\n"
    "figcaption{font-size:.85rem;overflow-wrap:anywhere}figcaption span{display:block;color:var(--quiet)}\n"
    ".track{fill:var(--track)}.bar{fill:var(--bar)}.dot{fill:var(--dot)}\n"
    "</style>\n<title>";

cclip_status cclip_figures_page_begin(struct cclip_figures_page *page, const char *title,
                                      const char *summary)
{
    page->in_section = 0;
    cclip_buffer_open(&page->body, PAGE_MAXIMUM);
    cclip_status status = cclip_buffer_text(&page->body, head);
    if (!status)
        status = cclip_markup_text(&page->body, title);
    if (!status)
        status = cclip_buffer_text(&page->body, "</title></head><body>\n<h1>");
    if (!status)
        status = cclip_markup_text(&page->body, title);
    if (!status)
        status = cclip_buffer_text(&page->body, "</h1>\n<p>");
    if (!status)
        status = cclip_markup_text(&page->body, summary);
    return status ? status : cclip_buffer_text(&page->body, "</p>\n");
}

void cclip_figures_page_end(struct cclip_figures_page *page)
{
    cclip_buffer_close(&page->body);
}

static cclip_status end_section(struct cclip_figures_page *page)
{
    const char *const ends[] = { "", "</tbody></table></div>\n", "</div>\n" };
    const int open = page->in_section;
    page->in_section = 0;
    return cclip_buffer_text(&page->body, ends[open]);
}

/* lead, the text as markup, tail. */
static cclip_status put(struct cclip_figures_page *page, const char *lead, const char *text,
                        const char *tail)
{
    cclip_status status = cclip_buffer_text(&page->body, lead);
    if (!status)
        status = cclip_markup_text(&page->body, text);
    return status ? status : cclip_buffer_text(&page->body, tail);
}

cclip_status cclip_figures_page_section(struct cclip_figures_page *page, const char *heading,
                                        const char *note, const char *const *heads, size_t count)
{
    cclip_status status = end_section(page);
    if (!status)
        status = put(page, "<h2>", heading, "</h2>\n");
    if (!status)
        status = put(page, "<p>", note, "</p>\n<div class=\"scroll\"><table><thead><tr>");
    for (size_t i = 0; i < count && !status; i++)
        status = put(page, "<th scope=\"col\">", heads[i], "</th>");
    if (!status)
        status = cclip_buffer_text(&page->body, "<th></th></tr></thead><tbody>\n");
    page->in_section = !status;
    return status;
}

/* A place on the scale in thousandths of its length. */
static int place_of(const struct cclip_drawn_interval *d, double value)
{
    const double share = (value - d->least) / (d->most - d->least);
    return (int)lround(1000 * (share < 0 ? 0 : share > 1 ? 1 : share));
}

/* The scale, the interval on it, the value as a dot; where 0 lies inside the scale a line marks it. */
static cclip_status draw(struct cclip_figures_page *page, const struct cclip_drawn_interval *d)
{
    if (!d || isnan(d->value) || isnan(d->low) || isnan(d->high))
        return CCLIP_OK;
    const int low = place_of(d, d->low), high = place_of(d, d->high), value = place_of(d, d->value);
    cclip_status status = cclip_buffer_format(
        &page->body,
        "<svg viewBox=\"0 0 1000 70\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
        "<rect class=\"track\" y=\"25\" width=\"1000\" height=\"20\"/>"
        "<rect class=\"bar\" x=\"%d\" y=\"20\" width=\"%d\" height=\"30\"/>"
        "<rect class=\"dot\" x=\"%d\" y=\"8\" width=\"12\" height=\"54\"/>",
        low, high > low ? high - low : 1, value > 6 ? value - 6 : 0);
    if (!status && d->least < 0)
        status = cclip_buffer_format(
            &page->body, "<rect class=\"bar\" x=\"%d\" width=\"3\" height=\"70\"/>", place_of(d, 0));
    return status ? status : cclip_buffer_text(&page->body, "</svg>");
}

cclip_status cclip_figures_page_row(struct cclip_figures_page *page, const char *const *cells,
                                    size_t count, const struct cclip_drawn_interval *drawn)
{
    cclip_status status = cclip_buffer_text(&page->body, "<tr>");
    for (size_t i = 0; i < count && !status; i++)
        status = put(page, "<td>", cells[i], "</td>");
    if (!status)
        status = cclip_buffer_text(&page->body, "<td class=\"drawn\">");
    if (!status)
        status = draw(page, drawn);
    return status ? status : cclip_buffer_text(&page->body, "</td></tr>\n");
}

cclip_status cclip_figures_page_cards(struct cclip_figures_page *page, const char *heading, const char *note)
{
    cclip_status status = end_section(page);
    if (!status)
        status = put(page, "<h2>", heading, "</h2>\n");
    if (!status)
        status = put(page, "<p>", note, "</p>\n<div class=\"cards\">\n");
    page->in_section = status ? 0 : 2;
    return status;
}

static cclip_status put_picture(struct cclip_figures_page *page, const struct cclip_picture *thumbnail)
{
    const char *type;
    struct cclip_buffer file;
    cclip_buffer_open(&file, FILE_MAXIMUM);
    cclip_status status = cclip_thumbnail_encode(&file, thumbnail, &type);
    if (!status)
        status = cclip_buffer_format(&page->body, "<img loading=\"lazy\" alt=\"\" src=\"data:%s;base64,", type);
    if (!status)
        status = cclip_base64(&page->body, file.data, file.length);
    cclip_buffer_close(&file);
    return status ? status : cclip_buffer_text(&page->body, "\">");
}

cclip_status cclip_figures_page_card(struct cclip_figures_page *page, const struct cclip_picture *thumbnail,
                                     const char *title, const char *const *lines, size_t count)
{
    cclip_status status = cclip_buffer_text(&page->body, "<figure>");
    if (!status && thumbnail)
        status = put_picture(page, thumbnail);
    if (!status)
        status = put(page, "<figcaption>", title, "");
    for (size_t i = 0; i < count && !status; i++)
        status = put(page, "<span>", lines[i], "</span>");
    return status ? status : cclip_buffer_text(&page->body, "</figcaption></figure>\n");
}

cclip_status cclip_figures_page_save(struct cclip_figures_page *page, const char *path)
{
    cclip_status status = end_section(page);
    if (!status)
        status = cclip_buffer_text(&page->body, "</body></html>\n");
    return status ? status : cclip_file_write(path, page->body.data, page->body.length);
}
