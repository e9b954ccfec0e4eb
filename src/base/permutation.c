#include "base/permutation.h"

#include "base/random.h"

void cclip_permutation_open(struct cclip_permutation *out, uint64_t count, uint64_t seed,
                            uint64_t stream)
{
    struct cclip_random random;
    cclip_random_seed(&random, seed, stream);
    *out = (struct cclip_permutation){ .count = count, .half = 1 };
    while (count > (uint64_t)1 << (2 * out->half))
        out->half++;
    for (int i = 0; i < CCLIP_PERMUTATION_ROUNDS; i++)
        out->keys[i] = cclip_random_bits(&random);
}

/* The round function: one half and a key, well mixed, as wide as a half. */
static uint64_t mix(uint64_t half, uint64_t key, unsigned bits)
{
    uint64_t z = (half ^ key) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 29)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 32)) & (((uint64_t)1 << bits) - 1);
}

static uint64_t forward(const struct cclip_permutation *p, uint64_t x)
{
    uint64_t left = x >> p->half, right = x & (((uint64_t)1 << p->half) - 1);
    for (int i = 0; i < CCLIP_PERMUTATION_ROUNDS; i++) {
        const uint64_t next = left ^ mix(right, p->keys[i], p->half);
        left = right;
        right = next;
    }
    return left << p->half | right;
}

static uint64_t backward(const struct cclip_permutation *p, uint64_t x)
{
    uint64_t left = x >> p->half, right = x & (((uint64_t)1 << p->half) - 1);
    for (int i = CCLIP_PERMUTATION_ROUNDS; i-- > 0;) {
        const uint64_t before = right ^ mix(left, p->keys[i], p->half);
        right = left;
        left = before;
    }
    return left << p->half | right;
}

/* At most a quarter of the numbers is in use in the worst case, so both walks are short. */
uint64_t cclip_permutation_at(const struct cclip_permutation *p, uint64_t place)
{
    do
        place = forward(p, place);
    while (place >= p->count);
    return place;
}

uint64_t cclip_permutation_place(const struct cclip_permutation *p, uint64_t number)
{
    do
        number = backward(p, number);
    while (number >= p->count);
    return number;
}
