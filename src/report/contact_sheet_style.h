/* How a contact sheet looks, in light and in dark. */
#ifndef CCLIP_REPORT_CONTACT_SHEET_STYLE_H
#define CCLIP_REPORT_CONTACT_SHEET_STYLE_H

extern const char cclip_contact_sheet_style[];

#endif
