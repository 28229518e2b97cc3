// What the embedded program takes from libc: an image file, and a place for its answer.
#include <stdint.h>
#include <stddef.h>

// Swift does not call functions of any number of arguments.
static inline int open_for_reading(const char *path) {
    extern int open(const char *path, int flags, ...);
    return open(path, 0);
}
extern long read(int descriptor, void *bytes, size_t count);
extern long write(int descriptor, const void *bytes, size_t count);
extern long lseek(int descriptor, long offset, int whence);
extern int close(int descriptor);
extern void *mmap(void *address, size_t size, int protection, int flags, int descriptor, long offset);
