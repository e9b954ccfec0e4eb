/* Options of open_clip's training program that make no sense here: whoever gives one hears why, and what to do
 * instead. */
#ifndef CCLIP_CLI_OPEN_CLIP_OPTIONS_H
#define CCLIP_CLI_OPEN_CLIP_OPTIONS_H

/* One sentence without a full stop; NULL for any other name, or a verb that does not train. */
const char *cclip_open_clip_reason(const char *verb, const char *option);

#endif
