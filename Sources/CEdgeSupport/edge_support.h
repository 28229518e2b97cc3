// The little that the runtime asks of a hosted platform: what the processor can do, and mapping a file.
// Header-only, so that neither Glibc nor Foundation is imported; bare-metal builds do not import it at all.
#ifndef MARTLET_EDGE_SUPPORT_H
#define MARTLET_EDGE_SUPPORT_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/// True when processor and operating system support AVX2, FMA and BMI (x86-64-v3).
static inline int edge_supports_avx2(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
#else
    return 0;
#endif
}

/// True when they also support AVX-512 F, BW, CD, DQ, VL (x86-64-v4) and VNNI.
static inline int edge_supports_avx512(void) {
#if defined(__x86_64__)
    return edge_supports_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
#else
    return 0;
#endif
}

/// The value of an environment variable, or NULL.
static inline const char *edge_environment(const char *name) {
    return getenv(name);
}

/// Memory at a multiple of 64 bytes, or NULL. Undone by edge_free.
static inline void *edge_allocate(size_t size) {
    void *memory = NULL;
    return posix_memalign(&memory, 64, size) == 0 ? memory : NULL;
}

static inline void edge_free(void *memory) {
    free(memory);
}

/// Maps a file read-only. Returns its address, page-aligned, and its size, or NULL with the cause (errno) in `error`.
/// Files that are empty or larger than `limit` are refused with EFBIG.
static inline const void *edge_map_file(const char *path, size_t limit, size_t *size, int *error) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        *error = errno;
        return NULL;
    }
    struct stat status;
    void *address = MAP_FAILED;
    if (fstat(descriptor, &status) != 0) {
        *error = errno;
    } else if (status.st_size <= 0 || (uint64_t)status.st_size > limit) {
        *error = EFBIG;
    } else {
        *size = (size_t)status.st_size;
        address = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, descriptor, 0);
        if (address == MAP_FAILED) *error = errno;
    }
    close(descriptor);
    return address == MAP_FAILED ? NULL : address;
}

/// Undoes edge_map_file.
static inline void edge_unmap_file(const void *address, size_t size) {
    munmap((void *)address, size);
}

#endif
