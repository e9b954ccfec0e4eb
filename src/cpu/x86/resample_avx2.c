/* The resampler with vectors of 32 bytes: two rows across, sixteen columns down. */
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

typedef __m256i ivec;
enum { ROWS_A_VECTOR = 2, COLUMNS = 16 };
#define VARIANT(name) name##_avx2

static inline ivec ivec_set(int x)
{
    return _mm256_set1_epi32(x);
}
static inline ivec ivec_add(ivec a, ivec b)
{
    return _mm256_add_epi32(a, b);
}
static inline ivec ivec_madd(ivec a, ivec b)
{
    return _mm256_madd_epi16(a, b);
}
static inline ivec ivec_shift_left(ivec a, int bits)
{
    return _mm256_slli_epi32(a, bits);
}
static inline ivec ivec_shift_right(ivec a, int bits)
{
    return _mm256_srai_epi32(a, bits);
}
static inline ivec ivec_shuffle(ivec a, ivec places)
{
    return _mm256_shuffle_epi8(a, places);
}
static inline ivec ivec_repeat(const unsigned char bytes[16])
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)bytes));
}
/* Two 16-bit numbers in every 32 bits. */
static inline ivec ivec_pair(const int16_t *pair)
{
    int both;
    __builtin_memcpy(&both, pair, sizeof both);
    return _mm256_set1_epi32(both);
}
/* Sixteen bytes of each row. */
static inline ivec ivec_rows(const unsigned char *const *rows, size_t offset)
{
    const __m128i a = _mm_loadu_si128((const __m128i *)(const void *)(rows[0] + offset));
    const __m128i b = _mm_loadu_si128((const __m128i *)(const void *)(rows[1] + offset));
    return _mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1);
}
/* Numbers to bytes, clipped; the first four bytes of each lane count. */
static inline ivec ivec_pack(ivec a)
{
    const ivec words = _mm256_packs_epi32(a, a);
    return _mm256_packus_epi16(words, words);
}
static inline void ivec_first_words(uint32_t *out, ivec a)
{
    out[0] = (uint32_t)_mm256_extract_epi32(a, 0);
    out[1] = (uint32_t)_mm256_extract_epi32(a, 4);
}
/* Columns 0 to 7 and 8 to 15 of two rows, each column a pair of 16-bit numbers. */
static inline void ivec_interleave(ivec *a, ivec *b, const unsigned char *row, const unsigned char *next)
{
    const __m128i r = _mm_loadu_si128((const __m128i *)(const void *)row);
    const __m128i n = _mm_loadu_si128((const __m128i *)(const void *)next);
    *a = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(r, n));
    *b = _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(r, n));
}
static inline void ivec_store_columns(unsigned char *out, ivec a, ivec b)
{
    const ivec words = _mm256_packs_epi32(a, b); /* 0-3 8-11 | 4-7 12-15 */
    const ivec bytes = _mm256_packus_epi16(words, words);
    const __m128i all =
        _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
    _mm_storeu_si128((__m128i *)(void *)out, all);
}

#include "cpu/x86/resample_tmpl.h"
