/* Tar archives for tests, made byte by byte: ustar members, GNU long names, pax records. */
#ifndef CCLIP_TESTS_TAR_WRITER_H
#define CCLIP_TESTS_TAR_WRITER_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tar_writer {
    char *data;
    size_t size;
};

static inline void tar_append(struct tar_writer *tar, const void *data, size_t size)
{
    const size_t padded = (size + 511) / 512 * 512;
    tar->data = realloc(tar->data, tar->size + padded + 1);
    memset(tar->data + tar->size, 0, padded);
    if (size)
        memcpy(tar->data + tar->size, data, size);
    tar->size += padded;
}

/* A member of any type: '0' file, '5' folder, '2' link, 'L' GNU long name, 'x' pax records. */
static inline void tar_member(struct tar_writer *tar, char type, const char *name, const void *data, size_t size)
{
    char header[512] = { 0 };
    unsigned sum = 0;
    snprintf(header, 100, "%s", name);
    memcpy(header + 100, "0000644", 7);
    memcpy(header + 108, "0000000", 7);
    memcpy(header + 116, "0000000", 7);
    snprintf(header + 124, 12, "%011o", (unsigned)size);
    memcpy(header + 136, "00000000000", 11);
    memset(header + 148, ' ', 8);
    header[156] = type;
    memcpy(header + 257, "ustar\0" "00", 8);
    for (size_t i = 0; i < sizeof header; i++)
        sum += (unsigned char)header[i];
    snprintf(header + 148, 8, "%06o", sum);
    tar_append(tar, header, sizeof header);
    tar_append(tar, data, size);
}

static inline void tar_file(struct tar_writer *tar, const char *name, const char *text)
{
    tar_member(tar, '0', name, text, strlen(text));
}

/* A name too long for the header, as GNU tar writes it. */
static inline void tar_gnu_long(struct tar_writer *tar, const char *name, const char *text)
{
    tar_member(tar, 'L', "././@LongLink", name, strlen(name) + 1);
    tar_member(tar, '0', "cut", text, strlen(text));
}

/* The same as pax: a record "LENGTH path=NAME\n" before the member. */
static inline void tar_pax(struct tar_writer *tar, const char *name, const char *text)
{
    char record[2048];
    size_t length = strlen(name) + 7; /* " path=" and the line end */
    for (size_t digits = 1; digits < 5; digits++) {
        char number[32];
        if ((size_t)snprintf(number, sizeof number, "%zu", length + digits) == digits) {
            length += digits;
            break;
        }
    }
    snprintf(record, sizeof record, "%zu path=%s\n", length, name);
    tar_member(tar, 'x', "PaxHeader", record, length);
    tar_member(tar, '0', "cut", text, strlen(text));
}

static inline void tar_end(struct tar_writer *tar)
{
    static const char zeros[1024];
    tar_append(tar, zeros, sizeof zeros);
}

static inline void tar_free(struct tar_writer *tar)
{
    free(tar->data);
    *tar = (struct tar_writer){ 0 };
}

#endif
