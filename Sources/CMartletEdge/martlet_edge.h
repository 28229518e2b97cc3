// Martlet's runtime for C and whatever calls C: load an image that `martlet model compile` made, and run it.
//
//     martlet_model *model;
//     if (martlet_open("kws.image", NULL, &model) != MARTLET_OK) { puts(martlet_last_error()); return 1; }
//     const void *inputs[] = {frame};
//     void *outputs[] = {scores};
//     martlet_status status = martlet_run(model, inputs, (size_t[]){sizeof frame}, 1, outputs, (size_t[]){sizeof scores}, 1);
//     martlet_close(model);
//
// Build: cc example.c -I Sources/CMartletEdge -L .build/release -lmartletedge
//
// Threads: functions that take a model may be called from any thread, but from one at a time for the same model: the
// caller keeps two calls on one model apart. Different models run at the same time, also when they were opened from the
// same file or the same bytes. martlet_version and martlet_last_error may be called at any time; the last error is kept
// for each thread.
//
// Memory: all that a run needs is allocated by martlet_open; martlet_run allocates nothing. No function keeps a pointer
// to what it was given, but for the bytes of martlet_open_bytes.
//
// Environment: MARTLET_ISA=baseline|avx2|avx512 chooses the kernels of every model that names none.
#ifndef MARTLET_EDGE_H
#define MARTLET_EDGE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Version of this header's functions; martlet_abi_version tells that of the library. Functions are only added within
/// one version.
#define MARTLET_ABI_VERSION 1

/// Most dimensions of a tensor.
#define MARTLET_MAXIMUM_RANK 8

/// A loaded model. Made by martlet_open, ended by martlet_close.
typedef struct martlet_model martlet_model;

/// What a function answers. Numbers are stable; below 100 they are those of the image format's errors, of which
/// docs/image-format.md tells.
typedef int32_t martlet_status;

enum {
    /// It worked.
    MARTLET_OK = 0,
    /// The file cannot be opened or mapped.
    MARTLET_UNREADABLE_FILE = 100,
    /// MARTLET_ISA or the caller names kernels that this processor or build does not have.
    MARTLET_UNAVAILABLE_ISA = 101,
    /// There is no input or output of that number.
    MARTLET_NO_SUCH_TENSOR = 102,
    /// A buffer has another size than the tensor, or there are too many or too few buffers.
    MARTLET_WRONG_SIZE = 103,
    /// The system does not give the working memory that the model needs.
    MARTLET_NO_MEMORY = 107,
    /// A pointer that must not be NULL is.
    MARTLET_NULL_POINTER = 110,
};

/// Element types, with the numbers of ONNX's TensorProto.DataType.
typedef enum {
    MARTLET_FLOAT32 = 1,
    MARTLET_UINT8 = 2,
    MARTLET_INT8 = 3,
    MARTLET_INT16 = 5,
    MARTLET_INT32 = 6,
    MARTLET_INT64 = 7,
    MARTLET_BOOL = 9,
    MARTLET_FLOAT16 = 10,
    MARTLET_FLOAT64 = 11,
} martlet_element_type;

/// An input or an output.
typedef struct {
    /// Its name in the original model, UTF-8; valid until martlet_close.
    const char *name;
    /// A martlet_element_type.
    int32_t element_type;
    /// Number of dimensions, 0 for a single number.
    int32_t rank;
    /// The dimensions, outermost first; unused ones are 0.
    int32_t shape[MARTLET_MAXIMUM_RANK];
    /// Bytes of all elements: little-endian, row-major, without gaps.
    size_t byte_count;
} martlet_tensor;

/// The runtime's version, such as "1.0.0"; never NULL.
const char *martlet_version(void);

/// The MARTLET_ABI_VERSION that the library was built with.
int32_t martlet_abi_version(void);

/// What went wrong in this thread's last call that did not answer MARTLET_OK, for people; never NULL. Valid until this
/// thread's next call.
const char *martlet_last_error(void);

/// Maps an image file and loads it. The file must stay as it is while the model is open: replace it by a new file, never
/// write into it.
///
/// - isa: the kernels ("baseline", "avx2", "avx512", "neon"), or NULL for MARTLET_ISA or the fastest.
/// - model: receives the model; NULL after an error.
martlet_status martlet_open(const char *path, const char *isa, martlet_model **model);

/// Loads an image from memory. The bytes must stay alive and unchanged while the model is open; they begin at an address
/// that is a multiple of 64.
martlet_status martlet_open_bytes(const void *bytes, size_t count, const char *isa, martlet_model **model);

/// Ends a model and frees all that it holds; NULL is ignored.
void martlet_close(martlet_model *model);

/// Number of inputs and of outputs; 0 for NULL.
size_t martlet_input_count(const martlet_model *model);
size_t martlet_output_count(const martlet_model *model);

/// Describes an input or an output; MARTLET_NO_SUCH_TENSOR beyond the last.
martlet_status martlet_input(const martlet_model *model, size_t index, martlet_tensor *tensor);
martlet_status martlet_output(const martlet_model *model, size_t index, martlet_tensor *tensor);

/// Bytes of working memory that the model holds; 0 for NULL.
size_t martlet_arena_bytes(const martlet_model *model);

/// The kernels in use: "baseline", "avx2", "avx512" or "neon"; "" for NULL.
const char *martlet_isa(const martlet_model *model);

/// Runs the model once.
///
/// - inputs, input_bytes, input_count: one buffer for each input with its size, in the order of martlet_input. Sizes must
///   be exactly those that martlet_input tells.
/// - outputs, output_bytes, output_count: likewise where the outputs are written. A NULL buffer skips an output.
///
/// Nothing has run when it does not answer MARTLET_OK.
martlet_status martlet_run(
    martlet_model *model, const void *const *inputs, const size_t *input_bytes, size_t input_count,
    void *const *outputs, const size_t *output_bytes, size_t output_count);

#ifdef __cplusplus
}
#endif

#endif
