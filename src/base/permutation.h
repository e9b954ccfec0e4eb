/* An order of the numbers below `count` that is computed, not stored: any of its places can be asked for,
 * both ways, whatever the count.
 *
 * A Feistel network over the next even number of bits, keyed by a seed, walked on until it
 * falls below `count` (Black and Rogaway, "Ciphers with arbitrary finite domains", 2002). For mixing,
 * not for secrets. */
#ifndef CCLIP_BASE_PERMUTATION_H
#define CCLIP_BASE_PERMUTATION_H

#include <stdint.h>

enum { CCLIP_PERMUTATION_ROUNDS = 8 };

struct cclip_permutation {
    uint64_t count;
    unsigned half; /* bits of one half */
    uint64_t keys[CCLIP_PERMUTATION_ROUNDS];
};

/* `stream` separates orders that share a seed. count 0 to 2^62. */
void cclip_permutation_open(struct cclip_permutation *out, uint64_t count, uint64_t seed,
                            uint64_t stream);
/* Which number stands at `place`; place below count. */
uint64_t cclip_permutation_at(const struct cclip_permutation *permutation, uint64_t place);
/* Where `number` stands. */
uint64_t cclip_permutation_place(const struct cclip_permutation *permutation, uint64_t number);

#endif
