import Glibc
import ModelCompiler
import ONNXFormat

// libFuzzer's target for ONNX files: whatever the bytes are, reading and compiling them gives an image or an error
// with reasons. scripts/fuzz builds and runs it. With MARTLET_FUZZ_IMAGES=FOLDER it writes the images of what compiles
// there: the seeds of the other target.

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    guard let data else { return 0 }
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    do throws(ONNXError) {
        let model = try ONNXModel(parsing: bytes)
        do throws(CompileError) {
            let compiled = try ModelCompiler.compile(model, options: CompileOptions(maximumFoldedBytes: 4 << 20))
            keep(compiled.imageBytes)
        } catch {
            precondition(!error.description.isEmpty)
        }
    } catch {
        precondition(!error.description.isEmpty)
    }
    return 0
}

private nonisolated(unsafe) var kept = 0

private func keep(_ image: [UInt8]) {
    guard let folder = getenv("MARTLET_FUZZ_IMAGES"), image.count < 64 << 10 else { return }
    kept += 1
    guard let file = fopen("\(String(cString: folder))/\(kept)", "wb") else { return }
    fwrite(image, 1, image.count, file)
    fclose(file)
}
