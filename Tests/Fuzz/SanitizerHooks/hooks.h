// Counts what a fuzzed case allocates, through the sanitizer's hooks.
#include <stddef.h>

/// From now on counts from 0.
void count_allocations(void);
/// The bytes of all allocations since then.
size_t allocated_bytes(void);
