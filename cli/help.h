/* Help, man page, completions and the documentation's tables: all from the verbs' option tables. */
#ifndef CCLIP_CLI_HELP_H
#define CCLIP_CLI_HELP_H

#include "cli/options.h"

/* Every verb, in the order of the help; ends with NULL. In main.c. */
extern const struct cclip_verb *const cclip_verbs[];
const struct cclip_verb *cclip_verb_find(const char *name);

cclip_status cclip_print_overview(void);
cclip_status cclip_print_help(const struct cclip_verb *verb);

/* `kind` is man, bash, zsh, fish or markdown; `verb` NULL: the program. CCLIP_ERROR_ARGUMENT for
 * another kind. Completions are for all verbs at once. */
cclip_status cclip_generate(const char *kind, const struct cclip_verb *verb);

#endif
