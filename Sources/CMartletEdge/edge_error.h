// A buffer of each thread for its last error, freed with the thread. Called from one Swift file only, because a header's
// thread-local variable exists once for each file that uses it.
#ifndef MARTLET_EDGE_ERROR_H
#define MARTLET_EDGE_ERROR_H

#define MARTLET_ERROR_BYTES 1024

static inline char *martlet_edge_error_buffer(void) {
    static _Thread_local char buffer[MARTLET_ERROR_BYTES];
    return buffer;
}

#endif
