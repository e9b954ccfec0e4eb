/* The stack machine that reads a pickle, for the two files it is made of: pickle.c runs it, the
 * operations are in pickle_operations.c. */
#ifndef CCLIP_CHECKPOINT_PICKLE_MACHINE_H
#define CCLIP_CHECKPOINT_PICKLE_MACHINE_H

#include "base/limits.h"
#include "checkpoint/pickle.h"

/* What follows an operation's byte. */
enum cclip_pickle_form {
    CCLIP_FORM_BARE,
    CCLIP_FORM_SIZE_1, /* an unsigned number of 1, 2, 4 or 8 bytes */
    CCLIP_FORM_SIZE_2,
    CCLIP_FORM_SIZE_4,
    CCLIP_FORM_SIZE_8,
    CCLIP_FORM_SIGNED_4,
    CCLIP_FORM_DOUBLE,  /* big-endian */
    CCLIP_FORM_TEXT_1,  /* bytes after their length */
    CCLIP_FORM_TEXT_4,
    CCLIP_FORM_TEXT_8,
    CCLIP_FORM_LINES    /* two texts that end in newlines */
};

struct cclip_pickle_operand {
    int64_t number;
    double real;
    const char *text, *text2;
    size_t length, length2;
};

/* The stack machine. A mark is the height of the stack when it was set. */
struct cclip_pickle_machine {
    const char *name;
    const unsigned char *data;
    size_t size, at; /* `at`: after the present operation's byte and operand */
    size_t start;    /* of the present operation */
    struct cclip_arena *arena;
    struct cclip_pickle_value *pool; /* values not yet given out */
    size_t pool_left, objects;
    struct cclip_pickle_value **stack;
    size_t height, stack_capacity;
    size_t marks[CCLIP_LIMIT_PICKLE_DEPTH], mark_count;
    struct cclip_pickle_value **memo;
    size_t memo_count, memo_capacity;
    int stopped;
};

typedef cclip_status cclip_pickle_run(struct cclip_pickle_machine *m,
                                      const struct cclip_pickle_operand *operand, int argument);

struct cclip_pickle_operation {
    cclip_pickle_run *run;
    enum cclip_pickle_form form;
    int argument;
};

/* By an operation's byte; those without `run` are refused. */
extern const struct cclip_pickle_operation cclip_pickle_operations[256];

/* Puts the pickle's name and the place of the present operation in front. */
cclip_status cclip_pickle_fail(const struct cclip_pickle_machine *machine, cclip_status status,
                               const char *format, ...) CCLIP_PRINTF(3, 4);

#endif
