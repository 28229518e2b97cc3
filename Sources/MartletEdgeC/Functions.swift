// The names are those of C.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CMartletEdge
import EdgeRuntime

/// The functions of `martlet_edge.h`, which documents them; the compiler checks that they agree with it.

/// Texts that live as long as the program.
enum Constants {
    /// `@unchecked Sendable`: nobody writes the bytes.
    struct Text: @unchecked Sendable {
        private let text: CText
        var pointer: UnsafePointer<CChar> { text.pointer }
        init(_ text: String) { self.text = CText(text) }
    }

    static let version = Text(EdgeRuntime.version)
    static let empty = Text("")
}

@c @implementation
public func martlet_version() -> UnsafePointer<CChar>! { Constants.version.pointer }

@c @implementation
public func martlet_abi_version() -> Int32 { MARTLET_ABI_VERSION }

@c @implementation
public func martlet_last_error() -> UnsafePointer<CChar>! { LastError.pointer }

// MARK: - Opening

@c @implementation
public func martlet_open(
    _ path: UnsafePointer<CChar>!, _ isa: UnsafePointer<CChar>!, _ model: UnsafeMutablePointer<OpaquePointer?>!
) -> martlet_status {
    answer { () throws(Failure) in
        guard let model else { throw .null("model") }
        model.pointee = nil
        guard let path else { throw .null("path") }
        let file = String(cString: path)
        let instructionSet = try instructionSet(isa)
        do throws(RuntimeError) {
            model.pointee = OpenModel(try Model(mapping: file, instructionSet: instructionSet)).handle
        } catch {
            throw Failure(Int(error.code), "\(file): \(error)")
        }
    }
}

@c @implementation
public func martlet_open_bytes(
    _ bytes: UnsafeRawPointer!, _ count: Int, _ isa: UnsafePointer<CChar>!,
    _ model: UnsafeMutablePointer<OpaquePointer?>!
) -> martlet_status {
    answer { () throws(Failure) in
        guard let model else { throw .null("model") }
        model.pointee = nil
        guard let bytes else { throw .null("bytes") }
        let image = UnsafeRawBufferPointer(start: bytes, count: max(count, 0))
        let instructionSet = try instructionSet(isa)
        do throws(RuntimeError) {
            model.pointee = OpenModel(try Model(bytes: image, instructionSet: instructionSet)).handle
        } catch {
            throw Failure(error)
        }
    }
}

private func instructionSet(_ name: UnsafePointer<CChar>?) throws(Failure) -> InstructionSet? {
    guard let name else { return nil }
    let text = String(cString: name)
    guard let known = InstructionSet.allCases.first(where: { $0.name == text }) else {
        throw Failure(MARTLET_UNAVAILABLE_ISA, "'\(text)' names no kernels; use baseline, avx2, avx512, neon or NULL")
    }
    return known
}

@c @implementation
public func martlet_close(_ model: OpaquePointer!) {
    if let model { OpenModel.close(model) }
}

// MARK: - Asking

@c @implementation
public func martlet_input_count(_ model: OpaquePointer!) -> Int {
    model.map { OpenModel.at($0).inputs.count } ?? 0
}

@c @implementation
public func martlet_output_count(_ model: OpaquePointer!) -> Int {
    model.map { OpenModel.at($0).outputs.count } ?? 0
}

@c @implementation
public func martlet_input(
    _ model: OpaquePointer!, _ index: Int, _ tensor: UnsafeMutablePointer<martlet_tensor>!
) -> martlet_status {
    answer { () throws(Failure) in
        guard let model else { throw .null("model") }
        try describe(OpenModel.at(model).inputs, index, tensor, "input")
    }
}

@c @implementation
public func martlet_output(
    _ model: OpaquePointer!, _ index: Int, _ tensor: UnsafeMutablePointer<martlet_tensor>!
) -> martlet_status {
    answer { () throws(Failure) in
        guard let model else { throw .null("model") }
        try describe(OpenModel.at(model).outputs, index, tensor, "output")
    }
}

private func describe(
    _ ports: [PortDescription], _ index: Int, _ tensor: UnsafeMutablePointer<martlet_tensor>?, _ what: String
) throws(Failure) {
    guard let tensor else { throw .null("tensor") }
    guard ports.indices.contains(index) else {
        throw Failure(MARTLET_NO_SUCH_TENSOR, "there is no \(what) \(index); the model has \(ports.count)")
    }
    tensor.pointee = ports[index].tensor
}

@c @implementation
public func martlet_arena_bytes(_ model: OpaquePointer!) -> Int {
    model.map { OpenModel.at($0).model.arenaBytes } ?? 0
}

@c @implementation
public func martlet_isa(_ model: OpaquePointer!) -> UnsafePointer<CChar>! {
    model.map { OpenModel.at($0).instructionSet.pointer } ?? Constants.empty.pointer
}

// MARK: - Running

@c @implementation
public func martlet_run(
    _ model: OpaquePointer!, _ inputs: UnsafePointer<UnsafeRawPointer?>!, _ inputBytes: UnsafePointer<Int>!,
    _ inputCount: Int, _ outputs: UnsafePointer<UnsafeMutableRawPointer?>!, _ outputBytes: UnsafePointer<Int>!,
    _ outputCount: Int
) -> martlet_status {
    answer { () throws(Failure) in
        guard let model else { throw .null("model") }
        let open = OpenModel.at(model)
        try check(open.inputs, inputBytes, inputCount, "input")
        try check(open.outputs, outputBytes, outputCount, "output")
        for index in 0..<inputCount where inputs?[index] == nil { throw .null("input \(index)") }
        guard outputCount == 0 || outputs != nil else { throw .null("outputs") }
        for index in 0..<inputCount {
            open.model.withInput(index) { place in
                place.copyMemory(from: UnsafeRawBufferPointer(start: inputs[index], count: place.count))
            }
        }
        open.model.run()
        for index in 0..<outputCount {
            guard let target = outputs[index] else { continue }
            open.model.withOutput(index) { source in
                UnsafeMutableRawBufferPointer(start: target, count: source.count).copyMemory(from: source)
            }
        }
    }
}

private func check(
    _ ports: [PortDescription], _ sizes: UnsafePointer<Int>?, _ count: Int, _ what: String
) throws(Failure) {
    guard count == ports.count else {
        throw Failure(MARTLET_WRONG_SIZE, "\(count) \(what)s were given; the model has \(ports.count)")
    }
    guard count == 0 || sizes != nil else { throw .null("\(what)_bytes") }
    for (index, port) in ports.enumerated() {
        guard let given = sizes?[index], given == port.byteCount else {
            throw Failure(
                MARTLET_WRONG_SIZE, "\(what) \(index) has \(port.byteCount) bytes, not \(sizes?[index] ?? 0)")
        }
    }
}
