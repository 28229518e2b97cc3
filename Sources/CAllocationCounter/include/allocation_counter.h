#ifndef MARTLET_ALLOCATION_COUNTER_H
#define MARTLET_ALLOCATION_COUNTER_H

/// Heap allocations made so far by the calling thread. Linking this target replaces malloc, calloc, realloc and the
/// aligned variants of the whole test program by versions that count and then call glibc's own.
long allocation_count(void);

#endif
