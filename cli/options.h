/* One table of options a verb: it parses the command line, and prints usage, help, man page and
 * completions, so that these cannot disagree. */
#ifndef CCLIP_CLI_OPTIONS_H
#define CCLIP_CLI_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "cli/console.h"

/* What a value is, and the type of the field that it is stored in. */
enum cclip_option_kind {
    CCLIP_OPTION_FLAG,     /* int: 1 when given */
    CCLIP_OPTION_COUNT,    /* int: how often it was given */
    CCLIP_OPTION_TEXT,     /* const char *: the last one counts; never empty */
    CCLIP_OPTION_TEXTS,    /* struct cclip_texts: may be repeated */
    CCLIP_OPTION_INTEGER,  /* int64_t in [minimum, maximum] */
    CCLIP_OPTION_NUMBER,   /* double in [minimum, maximum] */
    CCLIP_OPTION_INTEGERS, /* struct cclip_integers: "1,8,32", may be repeated */
    CCLIP_OPTION_CHOICE    /* int: the value of the choice */
};

/* Texts of the command line itself: the array is owned, what it points to is not. */
struct cclip_texts {
    const char **items;
    size_t count, capacity;
};

struct cclip_integers {
    size_t *items;
    size_t count, capacity;
};

struct cclip_choice {
    const char *name; /* NULL ends the list */
    int value;
    int hidden; /* another spelling: accepted, not listed */
};

struct cclip_option {
    const char *name; /* without "--"; NULL ends the table */
    char letter;      /* 'o' for -o, or 0 */
    enum cclip_option_kind kind;
    const char *value; /* what the help calls it: "FILE" */
    const char *help;  /* one sentence without a full stop */
    size_t offset;     /* of the field in the verb's settings */
    unsigned group;    /* common options: which verbs take it */
    double minimum, maximum;
    const struct cclip_choice *choices;
};

/* Options that several verbs take; a verb names the groups that make sense for it. */
enum {
    CCLIP_COMMON_ALL = 1,        /* --help --json --verbose --threads --precision --device */
    CCLIP_COMMON_MODEL = 2,      /* --model */
    CCLIP_COMMON_VOCABULARY = 4, /* --vocab --style --no-ftfy */
    CCLIP_COMMON_BACKGROUND = 8  /* --background */
};

/* Begins every verb's settings. */
struct cclip_common {
    int help, json, verbose, no_ftfy;
    const char *model, *vocabulary, *device, *background;
    int style;       /* cclip_tokenizer_style */
    int precision;   /* cclip_precision, or one of the two below */
    int64_t threads; /* 0: the CPUs this process may use */
};
enum { CCLIP_PRECISION_AUTOMATIC = -1, CCLIP_PRECISION_UNSET = -2 };

struct cclip_verb {
    const char *name, *summary;
    const char *arguments;   /* for the usage line: "IMAGE..."; NULL: none */
    const char *description; /* paragraphs, parted by "\n\n" */
    const char *example;     /* lines that begin with "cclip" */
    const char *keys;        /* of --json, in Markdown */
    const struct cclip_option *options;
    unsigned common; /* groups */
    size_t arguments_minimum, arguments_maximum;
    size_t settings_size;
    const void *defaults; /* settings as they are before parsing; begins with struct cclip_common */
    int (*run)(const struct cclip_verb *verb, const void *settings,
               const struct cclip_texts *arguments);
};

/* The option at `index` of the verb, its own ones first; NULL after the last. */
const struct cclip_option *cclip_verb_option(const struct cclip_verb *verb, size_t index);

/* Fills `settings` (settings_size bytes, a copy of the defaults) and `arguments` from the words
 * after the verb. Returns CCLIP_EXIT_DONE, or CCLIP_EXIT_USAGE with the message printed. */
int cclip_options_parse(const struct cclip_verb *verb, void *settings,
                        struct cclip_texts *arguments, int count, char **words);
void cclip_options_close(const struct cclip_verb *verb, void *settings,
                         struct cclip_texts *arguments);

/* "cclip: VERB: ..." on stderr; returns CCLIP_EXIT_USAGE. */
int cclip_usage_error(const struct cclip_verb *verb, const char *format, ...) CCLIP_PRINTF(2, 3);

/* The name of the list that is nearest to `word` in spelling, or NULL when none is near. */
const char *cclip_nearest_name(const char *word, const char *const *names, size_t count);

#endif
