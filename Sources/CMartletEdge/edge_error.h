// A buffer of each thread for its last error, freed with the thread.
#ifndef MARTLET_EDGE_ERROR_H
#define MARTLET_EDGE_ERROR_H

#define MARTLET_ERROR_BYTES 1024

char *martlet_edge_error_buffer(void);

#endif
