#include "base/random.h"

#include <math.h>

static uint64_t rotate_left(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void cclip_random_seed(struct cclip_random *random, uint64_t seed, uint64_t stream)
{
    uint64_t mixed = stream;
    uint64_t state = seed ^ splitmix(&mixed);
    for (int i = 0; i < 4; i++)
        random->state[i] = splitmix(&state);
}

uint64_t cclip_random_stream(uint64_t purpose, uint64_t first, uint64_t second)
{
    uint64_t state = purpose;
    state = splitmix(&state) ^ first;
    state = splitmix(&state) ^ second;
    return splitmix(&state);
}

uint64_t cclip_random_bits(struct cclip_random *random)
{
    uint64_t *s = random->state;
    const uint64_t result = rotate_left(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t cclip_random_below(struct cclip_random *random, uint64_t bound)
{
    /* Values below 2^64 mod bound would favour small results: drawn again. */
    const uint64_t threshold = (0 - bound) % bound;
    uint64_t bits;
    do
        bits = cclip_random_bits(random);
    while (bits < threshold);
    return bits % bound;
}

double cclip_random_uniform(struct cclip_random *random)
{
    return (double)(cclip_random_bits(random) >> 11) * 0x1p-53;
}

double cclip_random_normal(struct cclip_random *random)
{
    /* Box-Muller; 1 - u is in (0, 1], so the logarithm is finite. */
    const double radius = sqrt(-2.0 * log(1.0 - cclip_random_uniform(random)));
    return radius * cos(6.283185307179586477 * cclip_random_uniform(random));
}
