#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/memory.h"

static cclip_status open_regular(int *out, struct stat *information, const char *path)
{
    /* O_NONBLOCK: opening a pipe must not wait for a writer before it is refused. */
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return cclip_fail_errno(path, "cannot open");
    cclip_status status = CCLIP_OK;
    if (fstat(descriptor, information))
        status = cclip_fail_errno(path, "cannot stat");
    else if (S_ISDIR(information->st_mode))
        status = cclip_fail(CCLIP_ERROR_IO, "%s: is a folder, a file was expected", path);
    else if (!S_ISREG(information->st_mode))
        status = cclip_fail(CCLIP_ERROR_IO, "%s: is not a regular file", path);
    if (status)
        close(descriptor);
    else
        *out = descriptor;
    return status;
}

cclip_status cclip_mapping_open(struct cclip_mapping *out, const char *path)
{
    *out = (struct cclip_mapping){ 0 };
    int descriptor = -1;
    struct stat information;
    cclip_status status = open_regular(&descriptor, &information, path);
    if (status)
        return status;
    const size_t size = (size_t)information.st_size;
    if (!size) {
        *out = (struct cclip_mapping){ .data = (const unsigned char *)"" };
    } else {
        void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
        if (data == MAP_FAILED)
            status = cclip_fail_errno(path, "cannot map");
        else
            *out = (struct cclip_mapping){ .data = data, .size = size, .mapped = 1 };
    }
    close(descriptor);
    return status;
}

void cclip_mapping_close(struct cclip_mapping *mapping)
{
    if (mapping->mapped)
        munmap((void *)(size_t)mapping->data, mapping->size);
    *mapping = (struct cclip_mapping){ 0 };
}

void cclip_mapping_forget(const struct cclip_mapping *mapping, size_t offset, size_t size)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t begin = (offset + page - 1) / page * page, end = (offset + size) / page * page;
    if (mapping->mapped && begin < end && end <= mapping->size)
        (void)madvise((void *)(size_t)(mapping->data + begin), end - begin, MADV_DONTNEED);
}

static cclip_status read_stream(struct cclip_buffer *out, FILE *stream, const char *path, int is_text)
{
    char chunk[1 << 16];
    size_t length;
    while ((length = fread(chunk, 1, sizeof chunk, stream)) > 0) {
        const char *zero = is_text ? memchr(chunk, '\0', length) : NULL;
        if (zero)
            return cclip_fail(CCLIP_ERROR_FORMAT, "%s: byte %zu is zero: a text file was expected", path,
                              out->length + (size_t)(zero - chunk));
        const cclip_status status = cclip_buffer_append(out, chunk, length);
        if (status)
            return cclip_fail_in(status, "%s", path);
    }
    return ferror(stream) ? cclip_fail_errno(path, "cannot read") : CCLIP_OK;
}

static cclip_status read_file(struct cclip_buffer *out, const char *path, size_t maximum, int is_text)
{
    cclip_buffer_open(out, maximum);
    cclip_status status = cclip_buffer_reserve(out, 0);
    if (status)
        return status;
    out->data[0] = '\0';
    if (!strcmp(path, "-"))
        return read_stream(out, stdin, "standard input", is_text);
    if (cclip_is_folder(path))
        return cclip_fail(CCLIP_ERROR_IO, "%s: is a folder, a file was expected", path);
    FILE *stream = fopen(path, "rbe");
    if (!stream)
        return cclip_fail_errno(path, "cannot open");
    status = read_stream(out, stream, path, is_text);
    fclose(stream);
    return status;
}

cclip_status cclip_file_read(struct cclip_buffer *out, const char *path, size_t maximum)
{
    return read_file(out, path, maximum, 0);
}

cclip_status cclip_file_read_text(struct cclip_buffer *out, const char *path, size_t maximum)
{
    return read_file(out, path, maximum, 1);
}

/* A new file beside the target, with the permissions that a plain open would give. */
static cclip_status open_temporary(struct cclip_writer *writer)
{
    const size_t size = strlen(writer->target) + sizeof ".tmp-XXXXXX";
    char *name = cclip_allocate(size, 1);
    if (!name)
        return CCLIP_ERROR_MEMORY;
    snprintf(name, size, "%s.tmp-XXXXXX", writer->target);
    const int descriptor = mkostemp(name, O_CLOEXEC);
    const mode_t mask = umask(0);
    umask(mask);
    if (descriptor >= 0)
        writer->temporary = name;
    else
        cclip_release(name);
    if (descriptor >= 0 && !fchmod(descriptor, 0666 & ~mask))
        writer->stream = fdopen(descriptor, "wb");
    if (writer->stream)
        return CCLIP_OK;
    const cclip_status status = cclip_fail_errno(writer->path, "cannot create");
    if (descriptor >= 0)
        close(descriptor);
    return status;
}

/* What a symbolic link leads to; the path itself otherwise, also where the link leads nowhere yet. */
static char *find_target(const char *path, int exists)
{
    char *resolved = exists ? realpath(path, NULL) : NULL;
    char *target = cclip_copy_text(resolved ? resolved : path, strlen(resolved ? resolved : path));
    free(resolved); /* realpath's own */
    return target;
}

cclip_status cclip_writer_open(struct cclip_writer *out, const char *path)
{
    *out = (struct cclip_writer){ 0 };
    struct stat information;
    const int exists = !stat(path, &information);
    if (exists && S_ISDIR(information.st_mode))
        return cclip_fail(CCLIP_ERROR_IO, "%s: is a folder, the name of a file was expected", path);
    out->path = cclip_copy_text(path, strlen(path));
    out->target = find_target(path, exists);
    if (!out->path || !out->target) {
        cclip_writer_close(out);
        return CCLIP_ERROR_MEMORY;
    }
    cclip_status status = CCLIP_OK;
    if (!exists || S_ISREG(information.st_mode))
        status = open_temporary(out);
    else if (!(out->stream = fopen(path, "wbe"))) /* a device or a pipe cannot be renamed over */
        status = cclip_fail_errno(path, "cannot create");
    if (status)
        cclip_writer_close(out);
    return status;
}

cclip_status cclip_writer_write(struct cclip_writer *writer, const void *data, size_t size)
{
    if (size && fwrite(data, 1, size, writer->stream) != size)
        return cclip_fail_errno(writer->path, "cannot write");
    return CCLIP_OK;
}

cclip_status cclip_writer_sync(struct cclip_writer *writer)
{
    if (fflush(writer->stream) || (writer->temporary && fsync(fileno(writer->stream))))
        return cclip_fail_errno(writer->path, "cannot write");
    return CCLIP_OK;
}

cclip_status cclip_writer_commit(struct cclip_writer *writer)
{
    cclip_status status = CCLIP_OK;
    FILE *stream = writer->stream;
    writer->stream = NULL;
    if (fflush(stream) || (writer->temporary && fsync(fileno(stream))))
        status = cclip_fail_errno(writer->path, "cannot write");
    if (fclose(stream) && !status)
        status = cclip_fail_errno(writer->path, "cannot write");
    if (!status && writer->temporary && rename(writer->temporary, writer->target))
        status = cclip_fail_errno(writer->path, "cannot rename the finished file");
    if (!status) {
        cclip_release(writer->temporary);
        writer->temporary = NULL;
    }
    cclip_writer_close(writer);
    return status;
}

void cclip_writer_close(struct cclip_writer *writer)
{
    if (writer->stream)
        fclose(writer->stream);
    if (writer->temporary)
        unlink(writer->temporary);
    cclip_release(writer->temporary);
    cclip_release(writer->target);
    cclip_release(writer->path);
    *writer = (struct cclip_writer){ 0 };
}

cclip_status cclip_file_write(const char *path, const void *data, size_t size)
{
    struct cclip_writer writer;
    cclip_status status = cclip_writer_open(&writer, path);
    if (!status)
        status = cclip_writer_write(&writer, data, size);
    if (!status)
        status = cclip_writer_commit(&writer);
    cclip_writer_close(&writer);
    return status;
}

int cclip_is_folder(const char *path)
{
    struct stat information;
    return !stat(path, &information) && S_ISDIR(information.st_mode);
}

int cclip_is_file(const char *path)
{
    struct stat information;
    return !stat(path, &information) && !S_ISDIR(information.st_mode);
}

/* One folder, whose parent is there. `inner`: another one will be made in it. */
static cclip_status make_one_folder(const char *path, int inner)
{
    if (!mkdir(path, 0777))
        return CCLIP_OK;
    int code = errno;
    if (cclip_is_folder(path))
        return CCLIP_OK;
    if (code == ENOENT && *path) /* of /proc and the like, where nothing can be made */
        code = EPERM;
    errno = code == EEXIST && inner ? ENOTDIR : code;
    return cclip_fail_errno(path, "cannot make the folder");
}

cclip_status cclip_folder_make(const char *path)
{
    char *copy = cclip_copy_text(path, strlen(path));
    if (!copy)
        return CCLIP_ERROR_MEMORY;
    cclip_status status = CCLIP_OK;
    for (char *slash = strchr(copy + (*copy == '/'), '/'); slash && !status; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        status = make_one_folder(copy, 1);
        *slash = '/';
    }
    if (!status)
        status = make_one_folder(copy, 0);
    cclip_release(copy);
    return status;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

cclip_status cclip_names_add(struct cclip_names *names, const char *name, size_t length)
{
    const cclip_status status = cclip_grow(&names->names, &names->capacity, names->count + 1,
                                           sizeof *names->names, (size_t)1 << 30, "names");
    if (status)
        return status;
    char *copy = cclip_copy_text(name, length);
    if (!copy)
        return CCLIP_ERROR_MEMORY;
    names->names[names->count++] = copy;
    return CCLIP_OK;
}

cclip_status cclip_folder_list(struct cclip_names *out, const char *path)
{
    *out = (struct cclip_names){ 0 };
    DIR *folder = opendir(path);
    if (!folder)
        return cclip_fail_errno(path, "cannot open the folder");
    cclip_status status = CCLIP_OK;
    struct dirent *entry;
    for (errno = 0; !status && (entry = readdir(folder)); errno = 0)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            status = cclip_names_add(out, entry->d_name, strlen(entry->d_name));
    if (!status && errno)
        status = cclip_fail_errno(path, "cannot read the folder");
    closedir(folder);
    if (status)
        cclip_names_close(out);
    else if (out->count)
        qsort(out->names, out->count, sizeof *out->names, compare_names);
    return status;
}

void cclip_names_close(struct cclip_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        cclip_release(names->names[i]);
    cclip_release(names->names);
    *names = (struct cclip_names){ 0 };
}

char *cclip_path_join(const char *folder, const char *name)
{
    const size_t length = strlen(folder), size = length + strlen(name) + 2;
    char *path = cclip_allocate(size, 1);
    if (path)
        snprintf(path, size, "%s%s%s", folder, length && folder[length - 1] == '/' ? "" : "/", name);
    return path;
}

const char *cclip_path_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

int cclip_path_has_suffix(const char *path, const char *suffix)
{
    const size_t length = strlen(path), size = strlen(suffix);
    return length >= size && !strcasecmp(path + length - size, suffix);
}

/* In new memory; NULL if it is not there. */
static char *real_folder_of(const char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    while (length && path[length - 1] != '/')
        length--;
    char *folder = length ? cclip_copy_text(path, length) : cclip_copy_text(".", 1);
    char *real = folder ? realpath(folder, NULL) : NULL;
    cclip_release(folder);
    return real;
}

int cclip_path_is_within(const char *path, const char *folder)
{
    char *inner = real_folder_of(path), *outer = realpath(folder, NULL);
    size_t length = outer ? strlen(outer) : 0;
    length -= length == 1; /* of "/" */
    const int within = inner && outer && !strncmp(inner, outer, length) && (!inner[length] || inner[length] == '/');
    free(inner);
    free(outer);
    return within;
}
