/* Where tests find their data. Read when a test runs, so that one build tests any folder.
 *
 * cclip_test_source   the checkout                        $CCLIP_SOURCE, else the current folder
 * cclip_test_golden   the golden data                     $CCLIP_GOLDEN, else <source>/../shared/golden
 * cclip_test_vocab    OpenAI's merge list                 $CCLIP_VOCAB, else <source>/../shared/vocab
 * cclip_test_data     the part of it that is committed    <source>/tests/data
 * cclip_test_program  the program                         $CCLIP_PROGRAM, else <source>/build/cclip
 *
 * A folder may be absent: exit with CCLIP_TEST_SKIP then. Each call returns one of eight rotating
 * buffers, so that a few results can be held at once; not for several threads. */
#ifndef CCLIP_TESTS_PATHS_H
#define CCLIP_TESTS_PATHS_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { CCLIP_TEST_SKIP = 77, CCLIP_TEST_PATH_SIZE = 4096 };

static inline const char *cclip_test_source(void)
{
    const char *source = getenv("CCLIP_SOURCE");
    return source && *source ? source : ".";
}

/* "<source>/<name>" */
static inline const char *cclip_test_in_source(const char *name)
{
    static char paths[8][CCLIP_TEST_PATH_SIZE];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, CCLIP_TEST_PATH_SIZE, "%s/%s", cclip_test_source(), name);
    return path;
}

static inline const char *cclip_test_from(const char *variable, const char *name)
{
    const char *value = getenv(variable);
    return value && *value ? value : cclip_test_in_source(name);
}

static inline const char *cclip_test_golden(void)
{
    return cclip_test_from("CCLIP_GOLDEN", "../shared/golden");
}

static inline const char *cclip_test_vocab(void)
{
    return cclip_test_from("CCLIP_VOCAB", "../shared/vocab");
}

static inline const char *cclip_test_data(void)
{
    return cclip_test_in_source("tests/data");
}

static inline const char *cclip_test_program(void)
{
    return cclip_test_from("CCLIP_PROGRAM", "build/cclip");
}

static inline int cclip_test_there(const char *path)
{
    struct stat status;
    return !stat(path, &status);
}

#endif
