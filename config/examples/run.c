// Runs an image once over zeros and prints the first numbers of each output.
//
//     swift build -c release --product martletedge
//     cc config/examples/run.c -I Sources/CMartletEdge -L .build/release -lmartletedge -o run
//     LD_LIBRARY_PATH=.build/release ./run kws.image
#include <martlet_edge.h>
#include <stdio.h>
#include <stdlib.h>

static int fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, martlet_last_error());
    return 1;
}

int main(int count, char **arguments) {
    if (count != 2) {
        fprintf(stderr, "usage: %s IMAGE\n", arguments[0]);
        return 64;
    }
    martlet_model *model;
    if (martlet_open(arguments[1], NULL, &model) != MARTLET_OK) return fail("martlet_open");
    size_t input_count = martlet_input_count(model), output_count = martlet_output_count(model);
    printf("runtime %s, %s kernels, %zu bytes of working memory\n", martlet_version(), martlet_isa(model),
           martlet_arena_bytes(model));

    void **buffers = calloc(input_count + output_count, sizeof *buffers);
    size_t *sizes = calloc(input_count + output_count, sizeof *sizes);
    if (!buffers || !sizes) return 1;
    for (size_t index = 0; index < input_count + output_count; index++) {
        martlet_tensor tensor;
        martlet_status status = index < input_count ? martlet_input(model, index, &tensor)
                                                    : martlet_output(model, index - input_count, &tensor);
        if (status != MARTLET_OK) return fail("martlet_input");
        printf("%s %s:", index < input_count ? "input" : "output", tensor.name);
        for (int axis = 0; axis < tensor.rank; axis++) printf(" %d", tensor.shape[axis]);
        printf(", element type %d, %zu bytes\n", tensor.element_type, tensor.byte_count);
        sizes[index] = tensor.byte_count;
        buffers[index] = calloc(1, tensor.byte_count);
        if (!buffers[index]) return 1;
    }

    if (martlet_run(model, (const void *const *)buffers, sizes, input_count, buffers + input_count,
                    sizes + input_count, output_count) != MARTLET_OK)
        return fail("martlet_run");
    for (size_t index = 0; index < output_count; index++) {
        const float *values = buffers[input_count + index];
        for (size_t value = 0; value < 4 && 4 * value < sizes[input_count + index]; value++)
            printf("%s%.6f", value ? " " : "", values[value]);
        printf("\n");
    }
    martlet_close(model);
    for (size_t index = 0; index < input_count + output_count; index++) free(buffers[index]);
    free(buffers);
    free(sizes);
    return 0;
}
