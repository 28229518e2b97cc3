import CProgram
import EdgeRuntime
import ModelImage

// A program as a small device would have it: Embedded Swift, libc, and the runtime. Reads floats from standard input,
// runs the image over them, writes the outputs' floats to standard output, and tells on standard error how much memory
// the model and the process hold:
//
//     program kws.image < input.f32 > output.f32

/// Reads exactly as many bytes as `buffer` has.
func readAll(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Bool {
    var done = 0
    while done < buffer.count {
        let count = read(descriptor, buffer.baseAddress! + done, buffer.count - done)
        guard count > 0 else { return false }
        done += count
    }
    return true
}

/// Writes text to standard error.
func tell(_ text: StaticString) { _ = write(2, text.utf8Start, text.utf8CodeUnitCount) }

/// Writes a number to standard error.
func tell(_ number: Int) {
    if number >= 10 { tell(number / 10) }
    var digit = UInt8(ascii: "0") + UInt8(number % 10)
    _ = write(2, &digit, 1)
}

/// Resident pages of this process, in bytes: the second number of /proc/self/statm.
func residentBytes() -> Int {
    var text: InlineArray<64, UInt8> = .init(repeating: 0)
    let file = open_for_reading("/proc/self/statm")
    let count = withUnsafeMutableBytes(of: &text) { read(file, $0.baseAddress!, 63) }
    _ = close(file)
    var field = 0
    var pages = 0
    for index in 0..<count {
        if text[index] == UInt8(ascii: " ") {
            field += 1
        } else if field == 1 {
            pages = pages * 10 + Int(text[index] - UInt8(ascii: "0"))
        }
    }
    return pages * 4096
}

/// Loads the image, runs it once and reports; returns the exit code.
func run(_ path: UnsafePointer<CChar>) -> Int32 {
    let file = open_for_reading(path)
    let size = lseek(file, 0, 2)
    guard file >= 0, size > 0, let bytes = mmap(nil, size, 1, 2, file, 0), Int(bitPattern: bytes) != -1 else {
        tell("the image cannot be mapped\n")
        return 1
    }
    do throws(RuntimeError) {
        var model = try Model(bytes: UnsafeRawBufferPointer(start: bytes, count: size))
        for port in 0..<model.inputs.count {
            guard model.withInput(port, { readAll(0, $0) }) else {
                tell("standard input is too short\n")
                return 1
            }
        }
        model.run()
        for port in 0..<model.outputs.count {
            model.withOutput(port) { _ = write(1, $0.baseAddress!, $0.count) }
        }
        tell("image ")
        tell(model.imageBytes)
        tell("\narena ")
        tell(model.arenaBytes)
        tell("\nresident ")
        tell(residentBytes())
        tell("\n")
        return 0
    } catch {
        tell("the image is refused, code ")
        tell(error.code)
        tell("\n")
        return 1
    }
}

@c(main)
public func main(_ count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32 {
    guard count == 2, let path = arguments[1] else {
        tell("usage: program IMAGE < input > output\n")
        return 64
    }
    return run(path)
}
