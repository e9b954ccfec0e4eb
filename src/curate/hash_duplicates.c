#include "curate/hash_duplicates.h"

#include "base/memory.h"

static int is_plain(const struct cclip_digest *hash)
{
    static const struct cclip_digest none = { { 0, 0 } };
    return cclip_hash_distance(hash, &none) < CCLIP_HASH_BITS_LEAST;
}

struct cclip_hash_neighbour cclip_hash_nearest(const struct cclip_digest *hash,
                                               const struct cclip_digest *others, size_t count, int bits)
{
    struct cclip_hash_neighbour best = { SIZE_MAX, bits + 1 };
    for (size_t i = 0; i < count && !is_plain(hash); i++) {
        const int distance = cclip_hash_distance(hash, &others[i]);
        if (distance < best.distance && !is_plain(&others[i]))
            best = (struct cclip_hash_neighbour){ i, distance };
    }
    return best;
}

cclip_status cclip_hash_duplicates(struct cclip_hash_neighbour *out, const struct cclip_digest *hashes,
                                   const size_t *order, size_t count, int bits)
{
    struct cclip_digest *kept = cclip_allocate(count, sizeof *kept);
    size_t *numbers = kept ? cclip_allocate(count, sizeof *numbers) : NULL, kept_count = 0;
    for (size_t i = 0; i < count && numbers; i++) {
        const size_t r = order[i];
        out[r] = cclip_hash_nearest(&hashes[r], kept, kept_count, bits);
        if (out[r].row != SIZE_MAX) {
            out[r].row = numbers[out[r].row];
            continue;
        }
        out[r] = (struct cclip_hash_neighbour){ r, 0 };
        kept[kept_count] = hashes[r];
        numbers[kept_count++] = r;
    }
    const cclip_status status = numbers ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    cclip_release(kept);
    cclip_release(numbers);
    return status;
}
