/* Every allocation of the library goes through here: sizes are checked, failures can be injected. */
#ifndef CCLIP_BASE_MEMORY_H
#define CCLIP_BASE_MEMORY_H

#include <stddef.h>
#include "base/status.h"

/* All return NULL on failure with this thread's message set (status CCLIP_ERROR_MEMORY).
 * A size of 0 gives a valid pointer. `count * size` is checked for overflow. */
void *cclip_allocate(size_t count, size_t size);
void *cclip_allocate_zero(size_t count, size_t size);
void *cclip_reallocate(void *pointer, size_t count, size_t size); /* old block kept on failure */
void cclip_release(void *pointer);                                /* NULL is fine */

/* 64-byte aligned, for tensors and packed weights; freed by cclip_release_aligned. */
void *cclip_allocate_aligned(size_t bytes);
void cclip_release_aligned(void *pointer);

/* Copies `length` bytes and adds a zero. */
char *cclip_copy_text(const char *text, size_t length);

/* Room for one more element in a growing array: doubles `*capacity` (elements), never beyond
 * `maximum`. `array` is the address of the array pointer. */
cclip_status cclip_grow(void *array, size_t *capacity, size_t wanted, size_t element_size,
                        size_t maximum, const char *what);

/* Tests only: the n-th allocation from now on (1 = the next) fails once; 0 switches it off.
 * Returns how many allocations were made since the last call. Library-wide, all threads. */
unsigned long cclip_memory_fail_at(unsigned long n);

#endif
