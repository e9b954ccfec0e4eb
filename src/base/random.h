/* Random numbers that are the same everywhere: xoshiro256**, seeded by splitmix64
 * (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021). */
#ifndef CCLIP_BASE_RANDOM_H
#define CCLIP_BASE_RANDOM_H

#include <stdint.h>

struct cclip_random {
    uint64_t state[4];
};

/* `stream` separates generators that share a seed: one for each worker, shard or purpose. */
void cclip_random_seed(struct cclip_random *random, uint64_t seed, uint64_t stream);
/* One stream number out of three: what it is for, and two numbers that count there. */
uint64_t cclip_random_stream(uint64_t purpose, uint64_t first, uint64_t second);
uint64_t cclip_random_bits(struct cclip_random *random);
uint64_t cclip_random_below(struct cclip_random *random, uint64_t bound); /* unbiased; bound >= 1 */
double cclip_random_uniform(struct cclip_random *random);                 /* [0, 1), 53 bits */
double cclip_random_normal(struct cclip_random *random);                  /* mean 0, variance 1 */

#endif
