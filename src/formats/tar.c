#include "formats/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

enum { BLOCK_BYTES = 1 << 16, HEADER_BLOCK_BYTES = 1 << 12, CHUNK_BYTES = 1 << 16 };

struct cclip_tar {
    struct archive *archive;
    char *name; /* of the archive, for messages */
    uint64_t base, offset; /* of the first byte, of the last header */

    int file; /* where headers alone are wanted: what is read, or -1 */
    off_t at, size;
    char *block; /* not NULL: headers alone are wanted */
};

/* libarchive's words for what is wrong, with the place. */
static cclip_status fail_archive(const struct cclip_tar *tar)
{
    const int number = archive_errno(tar->archive);
    const char *text = archive_error_string(tar->archive);
    if (number == ENOMEM)
        return cclip_fail_memory(BLOCK_BYTES);
    return cclip_fail(number == EIO || number == EACCES ? CCLIP_ERROR_IO : CCLIP_ERROR_FORMAT,
                      "%s: byte %llu: tar archive: %s", tar->name,
                      (unsigned long long)tar->offset, text ? text : "damaged");
}

/* What a file may be. Other compressions are left out on purpose: where libarchive was built without
 * their library it starts a program for them. */
static int allow_formats(struct archive *archive)
{
    return archive_read_support_format_tar(archive) == ARCHIVE_OK &&
           archive_read_support_filter_gzip(archive) == ARCHIVE_OK;
}

static cclip_status make(struct cclip_tar **out, const char *name)
{
    *out = NULL;
    struct cclip_tar *tar = cclip_allocate_zero(1, sizeof *tar);
    if (!tar)
        return CCLIP_ERROR_MEMORY;
    cclip_status status = CCLIP_OK;
    tar->file = -1;
    tar->name = cclip_copy_text(name, strlen(name));
    if (!tar->name)
        status = CCLIP_ERROR_MEMORY;
    else if (!(tar->archive = archive_read_new()))
        status = cclip_fail_memory(BLOCK_BYTES);
    else if (!allow_formats(tar->archive))
        status = cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s: libarchive: %s", name,
                            archive_error_string(tar->archive));
    if (status)
        cclip_tar_close(&tar);
    *out = tar;
    return status;
}

static cclip_status opened(struct cclip_tar **out, int result)
{
    if (result == ARCHIVE_OK)
        return CCLIP_OK;
    const cclip_status status = fail_archive(*out);
    cclip_tar_close(out);
    return status;
}

/* The same words as everywhere for a folder or no permission. */
static cclip_status probe(const char *path)
{
    struct cclip_mapping mapping;
    cclip_status status = cclip_mapping_open(&mapping, path);
    if (status)
        return status;
    if (!mapping.size)
        status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: an empty file, a tar archive was expected", path);
    cclip_mapping_close(&mapping);
    return status;
}

cclip_status cclip_tar_open(struct cclip_tar **out, const char *path)
{
    *out = NULL;
    cclip_status status = probe(path);
    if (!status)
        status = make(out, path);
    return status ? status
                  : opened(out, archive_read_open_filename((*out)->archive, path, BLOCK_BYTES));
}

/* libarchive reads a file in blocks of 64 KiB at least, which leaves nothing to pass over between small
 * pictures: here it gets small blocks, and goes on behind what it does not want. */
static la_ssize_t read_block(struct archive *archive, void *context, const void **block)
{
    struct cclip_tar *tar = context;
    ssize_t length;
    do
        length = pread(tar->file, tar->block, HEADER_BLOCK_BYTES, tar->at);
    while (length < 0 && errno == EINTR);
    if (length < 0)
        archive_set_error(archive, errno, "%s", strerror(errno));
    else
        tar->at += (off_t)length;
    *block = tar->block;
    return length;
}

static la_int64_t pass_over(struct archive *archive, void *context, la_int64_t bytes)
{
    struct cclip_tar *tar = context;
    (void)archive;
    const la_int64_t left = tar->size - tar->at, passed = bytes < left ? bytes : left;
    tar->at += (off_t)passed;
    return passed;
}

cclip_status cclip_tar_open_headers(struct cclip_tar **out, const char *path)
{
    struct stat what;
    *out = NULL;
    cclip_status status = probe(path);
    if (!status)
        status = make(out, path);
    if (status)
        return status;
    struct cclip_tar *tar = *out;
    tar->block = cclip_allocate(HEADER_BLOCK_BYTES, 1);
    if (!tar->block)
        status = CCLIP_ERROR_MEMORY;
    else if ((tar->file = open(path, O_RDONLY | O_CLOEXEC)) < 0 || fstat(tar->file, &what))
        status = cclip_fail_errno(path, "cannot open");
    if (status) {
        cclip_tar_close(out);
        return status;
    }
    tar->size = what.st_size;
    return opened(out, archive_read_open2(tar->archive, tar, NULL, read_block, pass_over, NULL));
}

cclip_status cclip_tar_open_memory(struct cclip_tar **out, const void *data, size_t size,
                                   const char *name, uint64_t offset)
{
    const cclip_status status = make(out, name);
    if (status)
        return status;
    (*out)->offset = (*out)->base = offset;
    return opened(out, archive_read_open_memory((*out)->archive, data, size));
}

void cclip_tar_close(struct cclip_tar **out)
{
    struct cclip_tar *tar = *out;
    if (!tar)
        return;
    archive_read_free(tar->archive);
    if (tar->file >= 0)
        close(tar->file);
    cclip_release(tar->block);
    cclip_release(tar->name);
    cclip_release(tar);
    *out = NULL;
}

/* A name in the bytes it was stored in; where libarchive holds it only as UTF-8, in that. */
static const char *member_name(struct archive_entry *entry)
{
    const char *name = archive_entry_pathname(entry);
    return name ? name : archive_entry_pathname_utf8(entry);
}

cclip_status cclip_tar_next(struct cclip_tar *tar, struct cclip_tar_member *out)
{
    struct archive_entry *entry;
    int result;
    *out = (struct cclip_tar_member){ 0 };
    /* A warning is about a name that the locale cannot spell; its bytes are all that is wanted. */
    while ((result = archive_read_next_header(tar->archive, &entry)) == ARCHIVE_OK ||
           result == ARCHIVE_WARN) {
        const la_int64_t offset = archive_read_header_position(tar->archive);
        tar->offset = tar->base + (offset > 0 ? (uint64_t)offset : 0);
        const mode_t type = archive_entry_filetype(entry);
        const int link = type == AE_IFLNK || archive_entry_hardlink(entry);
        if (link ? !tar->block : type != AE_IFREG)
            continue;
        const char *name = member_name(entry);
        if (!name || !*name)
            continue;
        const la_int64_t size = archive_entry_size(entry), at = archive_filter_bytes(tar->archive, 0);
        *out = (struct cclip_tar_member){ .name = name, .offset = tar->offset, .is_link = link };
        out->end = tar->base + (uint64_t)(at > 0 ? at : 0) + (uint64_t)(size > 0 ? size : 0);
        return CCLIP_OK;
    }
    return result == ARCHIVE_EOF ? CCLIP_OK : fail_archive(tar);
}

cclip_status cclip_tar_read(struct cclip_tar *tar, struct cclip_buffer *out)
{
    char chunk[CHUNK_BYTES];
    la_ssize_t length;
    cclip_status status = CCLIP_OK;
    while (!status && (length = archive_read_data(tar->archive, chunk, sizeof chunk)) > 0)
        status = cclip_buffer_append(out, chunk, (size_t)length);
    if (!status && length < 0)
        status = fail_archive(tar);
    return status;
}
