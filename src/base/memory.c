#include "base/memory.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/limits.h"

static atomic_ulong allocations;
static atomic_ulong fail_at;

unsigned long cclip_memory_fail_at(unsigned long n)
{
    atomic_store(&fail_at, n);
    return atomic_exchange(&allocations, 0);
}

static int must_fail(size_t count, size_t size, size_t *bytes)
{
    const unsigned long number = atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed) + 1;
    if (size && count > CCLIP_LIMIT_ALLOCATION / size) {
        *bytes = SIZE_MAX;
        return 1;
    }
    *bytes = count * size;
    const unsigned long target = atomic_load_explicit(&fail_at, memory_order_relaxed);
    return target && number == target;
}

void *cclip_allocate(size_t count, size_t size)
{
    size_t bytes;
    void *pointer = must_fail(count, size, &bytes) ? NULL : malloc(bytes ? bytes : 1);
    if (!pointer)
        cclip_fail_memory(bytes);
    return pointer;
}

void *cclip_allocate_zero(size_t count, size_t size)
{
    size_t bytes;
    void *pointer = must_fail(count, size, &bytes) ? NULL : calloc(1, bytes ? bytes : 1);
    if (!pointer)
        cclip_fail_memory(bytes);
    return pointer;
}

void *cclip_reallocate(void *pointer, size_t count, size_t size)
{
    size_t bytes;
    void *result = must_fail(count, size, &bytes) ? NULL : realloc(pointer, bytes ? bytes : 1);
    if (!result)
        cclip_fail_memory(bytes);
    return result;
}

void cclip_release(void *pointer)
{
    free(pointer);
}

/* Large blocks ask for large pages: weights and activations are walked with long strides, and the
 * processor remembers the places of few pages. Asking is all; where it is refused nothing is lost. */
void *cclip_allocate_aligned(size_t wanted)
{
    enum { LINE = 64, PAGE = 2 << 20 };
    size_t bytes;
    const int fails = must_fail(wanted, 1, &bytes);
    const size_t unit = bytes >= 2 * (size_t)PAGE ? PAGE : LINE;
    void *pointer = fails ? NULL : aligned_alloc(unit, (bytes + unit) / unit * unit);
    if (!pointer)
        cclip_fail_memory(wanted);
#if defined(MADV_HUGEPAGE)
    else if (unit == PAGE)
        madvise(pointer, bytes / PAGE * PAGE, MADV_HUGEPAGE);
#endif
    return pointer;
}

void cclip_release_aligned(void *pointer)
{
    free(pointer);
}

char *cclip_copy_text(const char *text, size_t length)
{
    char *copy = cclip_allocate(length + 1, 1);
    if (copy) {
        if (length)
            memcpy(copy, text, length);
        copy[length] = '\0';
    }
    return copy;
}

cclip_status cclip_grow(void *array, size_t *capacity, size_t wanted, size_t element_size,
                        size_t maximum, const char *what)
{
    if (wanted <= *capacity)
        return CCLIP_OK;
    if (wanted > maximum)
        return cclip_fail(CCLIP_ERROR_LIMIT, "%s: more than the limit of %zu", what, maximum);
    size_t larger = *capacity > maximum / 2 ? maximum : *capacity * 2;
    if (larger < 16)
        larger = 16;
    if (larger < wanted)
        larger = wanted;
    void *old;
    memcpy(&old, array, sizeof old);
    void *grown = cclip_reallocate(old, larger, element_size);
    if (!grown)
        return CCLIP_ERROR_MEMORY;
    memcpy(array, &grown, sizeof grown);
    *capacity = larger;
    return CCLIP_OK;
}
