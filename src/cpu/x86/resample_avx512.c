/* The resampler with vectors of 64 bytes: four rows across, thirty-two columns down. */
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

typedef __m512i ivec;
enum { ROWS_A_VECTOR = 4, COLUMNS = 32 };
#define VARIANT(name) name##_avx512

static inline ivec ivec_set(int x)
{
    return _mm512_set1_epi32(x);
}
static inline ivec ivec_add(ivec a, ivec b)
{
    return _mm512_add_epi32(a, b);
}
static inline ivec ivec_madd(ivec a, ivec b)
{
    return _mm512_madd_epi16(a, b);
}
static inline ivec ivec_shift_left(ivec a, unsigned bits)
{
    return _mm512_slli_epi32(a, bits);
}
static inline ivec ivec_shift_right(ivec a, unsigned bits)
{
    return _mm512_srai_epi32(a, bits);
}
static inline ivec ivec_shuffle(ivec a, ivec places)
{
    return _mm512_shuffle_epi8(a, places);
}
static inline ivec ivec_repeat(const unsigned char bytes[16])
{
    return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)bytes));
}
/* Two 16-bit numbers in every 32 bits. */
static inline ivec ivec_pair(const int16_t *pair)
{
    int both;
    __builtin_memcpy(&both, pair, sizeof both);
    return _mm512_set1_epi32(both);
}
static inline __m256i two_rows(const unsigned char *first, const unsigned char *second)
{
    const __m128i a = _mm_loadu_si128((const __m128i *)(const void *)first);
    const __m128i b = _mm_loadu_si128((const __m128i *)(const void *)second);
    return _mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1);
}
/* Sixteen bytes of each row. */
static inline ivec ivec_rows(const unsigned char *const *rows, size_t offset)
{
    const __m256i a = two_rows(rows[0] + offset, rows[1] + offset);
    const __m256i b = two_rows(rows[2] + offset, rows[3] + offset);
    return _mm512_inserti64x4(_mm512_castsi256_si512(a), b, 1);
}
/* Numbers to bytes, clipped; the first four bytes of each lane count. */
static inline ivec ivec_pack(ivec a)
{
    const ivec words = _mm512_packs_epi32(a, a);
    return _mm512_packus_epi16(words, words);
}
static inline void ivec_first_words(uint32_t *out, ivec a)
{
    out[0] = (uint32_t)_mm_cvtsi128_si32(_mm512_castsi512_si128(a));
    out[1] = (uint32_t)_mm_cvtsi128_si32(_mm512_extracti32x4_epi32(a, 1));
    out[2] = (uint32_t)_mm_cvtsi128_si32(_mm512_extracti32x4_epi32(a, 2));
    out[3] = (uint32_t)_mm_cvtsi128_si32(_mm512_extracti32x4_epi32(a, 3));
}
/* Columns 0-7 16-23 and 8-15 24-31 of two rows, each column a pair of 16-bit numbers. */
static inline void ivec_interleave(ivec *a, ivec *b, const unsigned char *row, const unsigned char *next)
{
    const __m256i r = _mm256_loadu_si256((const __m256i *)(const void *)row);
    const __m256i n = _mm256_loadu_si256((const __m256i *)(const void *)next);
    *a = _mm512_cvtepu8_epi16(_mm256_unpacklo_epi8(r, n));
    *b = _mm512_cvtepu8_epi16(_mm256_unpackhi_epi8(r, n));
}
static inline void ivec_store_columns(unsigned char *out, ivec a, ivec b)
{
    const ivec zero = _mm512_setzero_si512();
    const __m128i first = _mm512_cvtusepi32_epi8(_mm512_max_epi32(a, zero));
    const __m128i second = _mm512_cvtusepi32_epi8(_mm512_max_epi32(b, zero));
    _mm_storeu_si128((__m128i *)(void *)out, _mm_unpacklo_epi64(first, second));
    _mm_storeu_si128((__m128i *)(void *)(out + 16), _mm_unpackhi_epi64(first, second));
}

#include "cpu/x86/resample_tmpl.h"
