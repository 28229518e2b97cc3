// The few vector conversions and the 16-bit dot product that the integer kernels need and for which Swift's SIMD types
// compile to a call per vector. Header-only and without a standard library: each module that imports it compiles it for
// its own instruction set (`-march`), and a vector is one of that set's registers.
#ifndef MARTLET_VECTOR_SUPPORT_H
#define MARTLET_VECTOR_SUPPORT_H

#include <stdint.h>

// 32-bit numbers in a register.
#if defined(__AVX512BW__)
#define MARTLET_LANES 16
#elif defined(__AVX2__)
#define MARTLET_LANES 8
#else
#define MARTLET_LANES 4
#endif

#define MARTLET_INLINE static inline __attribute__((always_inline))

typedef int32_t vector_sums __attribute__((ext_vector_type(MARTLET_LANES)));
typedef float vector_floats __attribute__((ext_vector_type(MARTLET_LANES)));
typedef int16_t vector_pairs __attribute__((ext_vector_type(2 * MARTLET_LANES)));

typedef int8_t vector_few_signed __attribute__((ext_vector_type(MARTLET_LANES)));
typedef uint8_t vector_few_unsigned __attribute__((ext_vector_type(MARTLET_LANES)));
typedef int8_t vector_many_signed __attribute__((ext_vector_type(2 * MARTLET_LANES)));
typedef uint8_t vector_many_unsigned __attribute__((ext_vector_type(2 * MARTLET_LANES)));
// The same at any address.
typedef int8_t vector_few_signed_at __attribute__((ext_vector_type(MARTLET_LANES), aligned(1), may_alias));
typedef uint8_t vector_few_unsigned_at __attribute__((ext_vector_type(MARTLET_LANES), aligned(1), may_alias));
typedef int8_t vector_many_signed_at __attribute__((ext_vector_type(2 * MARTLET_LANES), aligned(1), may_alias));
typedef uint8_t vector_many_unsigned_at __attribute__((ext_vector_type(2 * MARTLET_LANES), aligned(1), may_alias));

// One int8 per 16-bit lane.
MARTLET_INLINE vector_pairs vector_widen_signed(const void *source) {
    return __builtin_convertvector(*(const vector_many_signed_at *)source, vector_pairs);
}

// One uint8 per 16-bit lane.
MARTLET_INLINE vector_pairs vector_widen_unsigned(const void *source) {
    return __builtin_convertvector(*(const vector_many_unsigned_at *)source, vector_pairs);
}

// One int8 per 32-bit lane.
MARTLET_INLINE vector_sums vector_load_signed(const void *source) {
    return __builtin_convertvector(*(const vector_few_signed_at *)source, vector_sums);
}

// One uint8 per 32-bit lane.
MARTLET_INLINE vector_sums vector_load_unsigned(const void *source) {
    return __builtin_convertvector(*(const vector_few_unsigned_at *)source, vector_sums);
}

// The indices that put the lanes of two vectors of MARTLET_LANES alternately.
#if MARTLET_LANES == 16
#define MARTLET_ALTERNATELY \
    0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif MARTLET_LANES == 8
#define MARTLET_ALTERNATELY 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15
#else
#define MARTLET_ALTERNATELY 0, 4, 1, 5, 2, 6, 3, 7
#endif

// In each 32-bit lane an int8 of the first and one of the second, as 16-bit numbers.
MARTLET_INLINE vector_pairs vector_join_signed(const void *first, const void *second) {
    vector_few_signed a = *(const vector_few_signed_at *)first, b = *(const vector_few_signed_at *)second;
    return __builtin_convertvector(__builtin_shufflevector(a, b, MARTLET_ALTERNATELY), vector_pairs);
}

// In each 32-bit lane a uint8 of the first and one of the second, as 16-bit numbers.
MARTLET_INLINE vector_pairs vector_join_unsigned(const void *first, const void *second) {
    vector_few_unsigned a = *(const vector_few_unsigned_at *)first, b = *(const vector_few_unsigned_at *)second;
    return __builtin_convertvector(__builtin_shufflevector(a, b, MARTLET_ALTERNATELY), vector_pairs);
}

// Stores the low byte of each lane.
MARTLET_INLINE void vector_store_bytes(vector_sums lanes, void *target) {
    *(vector_few_signed_at *)target = __builtin_convertvector(lanes, vector_few_signed);
}

// In each 32-bit lane the sum of the two products of 16-bit numbers: pmaddwd on x86, which with VNNI becomes vpdpwssd
// together with the addition behind it.
MARTLET_INLINE vector_sums vector_dot(vector_pairs a, vector_pairs b) {
#if defined(__AVX512BW__)
    typedef short words __attribute__((vector_size(64)));
    return (vector_sums)__builtin_ia32_pmaddwd512((words)a, (words)b);
#elif defined(__AVX2__)
    typedef short words __attribute__((vector_size(32)));
    return (vector_sums)__builtin_ia32_pmaddwd256((words)a, (words)b);
#elif defined(__SSE2__)
    typedef short words __attribute__((vector_size(16)));
    return (vector_sums)__builtin_ia32_pmaddwd128((words)a, (words)b);
#else
    vector_sums x = (vector_sums)a, y = (vector_sums)b;
    return ((x << 16) >> 16) * ((y << 16) >> 16) + (x >> 16) * (y >> 16);
#endif
}

// Each lane as a float, rounded to the nearest where it has more than 24 bits.
MARTLET_INLINE vector_floats vector_float(vector_sums lanes) {
    return __builtin_convertvector(lanes, vector_floats);
}

// Stores the low bytes of two registers one after the other.
MARTLET_INLINE void vector_store_byte_pairs(vector_sums first, vector_sums second, void *target) {
#if defined(__AVX2__) && !defined(__AVX512BW__)
    // Packing works within halves of the registers; a shuffle of four-byte groups puts them in order.
    typedef int dwords __attribute__((vector_size(32)));
    typedef short words __attribute__((vector_size(32)));
    typedef short half_words __attribute__((vector_size(16)));
    typedef int half_dwords __attribute__((vector_size(16)));
    typedef int half_dwords_at __attribute__((vector_size(16), aligned(1), may_alias));
    dwords mask = {255, 255, 255, 255, 255, 255, 255, 255};
    words packed = (words)__builtin_ia32_packusdw256((dwords)first & mask, (dwords)second & mask);
    half_words low = __builtin_shufflevector(packed, packed, 0, 1, 2, 3, 4, 5, 6, 7);
    half_words high = __builtin_shufflevector(packed, packed, 8, 9, 10, 11, 12, 13, 14, 15);
    half_dwords bytes = (half_dwords)__builtin_ia32_packuswb128(low, high);
    *(half_dwords_at *)target = __builtin_shufflevector(bytes, bytes, 0, 2, 1, 3);
#else
    vector_store_bytes(first, target);
    vector_store_bytes(second, (char *)target + MARTLET_LANES);
#endif
}

#endif
