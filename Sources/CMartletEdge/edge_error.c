#include "edge_error.h"

// Not in the header: an inline function would have a buffer in each of the objects that the Swift compiler makes.
char *martlet_edge_error_buffer(void) {
    static _Thread_local char buffer[MARTLET_ERROR_BYTES];
    return buffer;
}
