import EdgeRuntime
import Glibc
import ModelImage
import SanitizerHooks
import TensorOperators

// libFuzzer's target for images: whatever the bytes are, reading them gives a model or an error, and a model that is
// small enough to run runs without touching memory that is not its own. scripts/fuzz builds and runs it.

/// Arenas up to this are run; larger ones are only loaded, which keeps a case in microseconds.
let largestRun = 64 << 10

/// Images that state larger arenas are only read: an arena is one allocation, of the size that the image states.
let largestArena = 16 << 20

/// What loading may allocate beside the image and its arena: prepared steps, and the arrays that they are made from.
let allowance = 64 << 10

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    guard let data, size >= ImageFormat.headerBytes else { return 0 }
    // At the end of a block of exactly that size, so that the address sanitizer sees a read beyond it.
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: ImageFormat.alignment)
    defer { block.deallocate() }
    block.copyMemory(from: UnsafeRawBufferPointer(start: data, count: size))
    repairChecksum(block)
    count_allocations()
    do throws(RuntimeError) {
        guard try arenaBytes(UnsafeRawBufferPointer(block)) <= largestArena else { return 0 }
        var model = try Model(bytes: UnsafeRawBufferPointer(block), operators: .portable)
        let stated = model.imageBytes + model.arenaBytes
        precondition(allocated_bytes() <= 2 * stated + allowance, "more than twice the stated memory")
        guard model.arenaBytes <= largestRun else { return 0 }
        for port in model.inputs.indices {
            model.withInput(port) { input in
                for index in input.indices { input[index] = UInt8(truncatingIfNeeded: index &* 37) }
            }
        }
        model.run()
    } catch {
        _ = error.code
    }
    return 0
}

private func arenaBytes(_ image: UnsafeRawBufferPointer) throws(RuntimeError) -> Int {
    do throws(ImageError) {
        return try ImageReader(image).arenaBytes
    } catch {
        throw .image(error)
    }
}

/// Writes the Adler-32 that the header wants, so that a mutation reaches what stands behind the check.
private func repairChecksum(_ image: UnsafeMutableRawBufferPointer) {
    var low: UInt64 = 1
    var high: UInt64 = 0
    // 64 bits hold the sums of any input that libFuzzer makes, so one remainder at the end is enough.
    for index in image.indices where index < 60 || index >= 64 {
        low &+= UInt64(image[index])
        high &+= low
    }
    let sum = UInt32(truncatingIfNeeded: (high % 65521) << 16 | (low % 65521))
    image.storeBytes(of: sum.littleEndian, toByteOffset: 60, as: UInt32.self)
}
