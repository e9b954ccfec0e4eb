/* Where tests find their data. Read when a test runs, so that one build tests any folder.
 *
 * cclip_test_source   the checkout                        $CCLIP_SOURCE, else the current folder
 * cclip_test_golden   the golden data                     $CCLIP_GOLDEN, else <source>/../shared/golden if it
 *                                                         is there, else the share that is committed
 * cclip_test_vocab    OpenAI's merge list                 $CCLIP_VOCAB, else <source>/../shared/vocab
 * cclip_test_data     the part of it that is committed    <source>/tests/data
 * cclip_test_program  the program                         $CCLIP_PROGRAM, else <source>/build/cclip
 *
 * The committed share, <source>/tests/data/golden, lacks most files of the whole, and whole parts. A part
 * may be absent: exit with CCLIP_TEST_SKIP then. Each call returns one of eight rotating
 * buffers, so that a few results can be held at once; not for several threads. */
#ifndef CCLIP_TESTS_PATHS_H
#define CCLIP_TESTS_PATHS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
    struct stat status;
    const int whole = !stat(cclip_test_in_source("../shared/golden"), &status);
    return cclip_test_from("CCLIP_GOLDEN", whole ? "../shared/golden" : "tests/data/golden");
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

/* "<folder>/<name>" into `out`; the test ends if it does not fit. */
static inline void cclip_test_join(char *out, size_t size, const char *folder, const char *name)
{
    const size_t first = strlen(folder), second = strlen(name);
    if (first + second + 2 > size) {
        fprintf(stderr, "%s/%s: too long a path\n", folder, name);
        exit(1);
    }
    memcpy(out, folder, first);
    out[first] = '/';
    memcpy(out + first + 1, name, second + 1);
}

static inline int cclip_test_there(const char *path)
{
    struct stat status;
    return !stat(path, &status);
}

#endif
