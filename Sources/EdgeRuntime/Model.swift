import ModelImage
public import OperatorInterface
import TensorKernels

#if !hasFeature(Embedded)
    import TensorOperators

    extension OperatorSet {
        /// What a model uses when nothing else is said: every portable operator.
        public static var standard: OperatorSet { .portable }
    }
#else
    extension OperatorSet {
        /// What a model uses when nothing else is said: none, so that a microcontroller's program links only the
        /// operators that it names.
        public static var standard: OperatorSet { OperatorSet([]) }
    }
#endif

/// A model that is ready to run: a mapped image, its arena and its prepared steps.
///
/// ```swift
/// var model = try Model(mapping: "/var/lib/martlet/images/kws")
/// let scores = try model.predict(frame)
/// ```
///
/// Loading allocates; a run does not. A model belongs to one owner at a time: it cannot be copied, and a run needs it
/// exclusively, so the compiler keeps two threads from running it at once. Several models may share one image's bytes.
public struct Model: ~Copyable {
    let reader: ImageReader
    let arena: UnsafeMutableRawPointer
    let steps: UnsafeMutableBufferPointer<Step>
    /// For each operation of the plan, how many steps there are up to its last.
    let ends: [Int]
    let kernels: KernelTable
    /// What the kernels use.
    public let instructionSet: InstructionSet
    /// The file's bytes, when this model mapped them itself.
    private let mapping: UnsafeRawBufferPointer?

    /// Loads an image from memory.
    ///
    /// - Parameters:
    ///   - bytes: The whole image at an address that is a multiple of 64. The caller keeps the bytes alive and
    ///     unchanged for as long as the model lives; they are not copied.
    ///   - instructionSet: The kernels to use; nil takes ``InstructionSet/preferred()``.
    ///   - operators: The portable operators that the image may use.
    ///   - threads: Threads that large layers are shared among, 1...64; results do not depend on it. Each has working
    ///     memory of its own beside the arena, as much as the model's largest convolution has scratch.
    /// - Throws: ``RuntimeError/image(_:)``, ``RuntimeError/unavailableInstructionSet``,
    ///   ``RuntimeError/unavailableThreads(_:)`` or ``RuntimeError/noMemory(bytes:)``.
    public init(
        bytes: UnsafeRawBufferPointer, instructionSet: InstructionSet? = nil, operators: OperatorSet = .standard,
        threads: Int = 1
    ) throws(RuntimeError) {
        try self.init(
            bytes: bytes, mapping: nil, instructionSet: instructionSet, operators: operators, threads: threads)
    }

    init(
        bytes: UnsafeRawBufferPointer, mapping: UnsafeRawBufferPointer?, instructionSet wanted: InstructionSet?,
        operators: OperatorSet, threads: Int
    ) throws(RuntimeError) {
        let chosen: InstructionSet
        if let wanted { chosen = wanted } else { chosen = try InstructionSet.preferred() }
        guard chosen.isAvailable else { throw .unavailableInstructionSet }
        let reader: ImageReader
        do throws(ImageError) {
            reader = try ImageReader(bytes)
        } catch {
            throw .image(error)
        }
        let kernels = try Self.kernels(chosen.kernels, for: reader, threads: threads)
        let arenaSize = reader.arenaBytes + KernelLayout.slackBytes
        guard let arena = Self.allocateArena(arenaSize) else { throw .noMemory(bytes: arenaSize) }
        arena.initializeMemory(as: UInt8.self, repeating: 0, count: arenaSize)
        var builder = StepBuilder(reader: reader, arena: arena, kernels: kernels, operators: operators)
        do throws(ImageError) {
            try builder.build()
        } catch {
            Self.freeArena(arena)
            throw .image(error)
        }
        let steps = UnsafeMutableBufferPointer<Step>.allocate(capacity: builder.steps.count)
        _ = steps.initialize(from: builder.steps)
        self.reader = reader
        self.arena = arena
        self.steps = steps
        self.ends = builder.ends
        self.kernels = kernels
        self.instructionSet = chosen
        self.mapping = mapping
    }

    deinit {
        steps.deinitialize()
        steps.deallocate()
        Self.freeArena(arena)
        Self.unmap(mapping)
    }

    // MARK: - What the model is

    /// The inputs, in the model's order.
    public var inputs: [TensorInfo] {
        (0..<reader.inputCount).map { TensorInfo(reader, tensor: reader.input($0)) }
    }

    /// The outputs, in the model's order.
    public var outputs: [TensorInfo] {
        (0..<reader.outputCount).map { TensorInfo(reader, tensor: reader.output($0)) }
    }

    /// Bytes of working memory that the model holds, as its image states.
    public var arenaBytes: Int { reader.arenaBytes }

    /// Bytes of the image.
    public var imageBytes: Int { reader.imageBytes }

    /// Steps of the image's plan.
    public var operationCount: Int { reader.operationCount }

    // MARK: - Several inputs and outputs

    /// Calls `body` with the place where input `port` is to be written, in the tensor's element type. Every input must
    /// be written before every run: a run may reuse its place.
    public mutating func withInput<Result, Failure: Error>(
        _ port: Int, _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let tensor = reader.tensor(reader.input(port))
        return try body(UnsafeMutableRawBufferPointer(start: arena + tensor.offset, count: tensor.byteCount))
    }

    /// Calls `body` with the elements of output `port` after a run. They stay until the next input is written.
    public func withOutput<Result, Failure: Error>(
        _ port: Int, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let tensor = reader.tensor(reader.output(port))
        return try body(UnsafeRawBufferPointer(start: arena + tensor.offset, count: tensor.byteCount))
    }

    /// How much of the first dimension of output `port` the last run has filled: all of it, unless the extent depends
    /// on data, as that of a NonMaxSuppression does. The rest is zero.
    public func outputExtent(_ port: Int) -> Int {
        let tensor = reader.tensor(reader.output(port))
        guard tensor.shape.rank > 0 else { return 1 }
        guard let extent = tensor.extent else { return tensor.shape[0] }
        let filled = (arena + reader.tensor(extent).offset).load(as: Int64.self)
        return Int(max(0, min(filled, Int64(tensor.shape[0]))))
    }

    /// Copies floats to input `port`.
    ///
    /// - Throws: ``RuntimeError/noSuchPort(_:)``, ``RuntimeError/notFloat(_:)`` or
    ///   ``RuntimeError/wrongCount(expected:found:)``.
    public mutating func write(_ values: UnsafeBufferPointer<Float>, toInput port: Int) throws(RuntimeError) {
        guard port >= 0, port < reader.inputCount else { throw .noSuchPort(port) }
        let tensor = reader.tensor(reader.input(port))
        try Self.check(tensor, count: values.count)
        UnsafeMutableRawBufferPointer(start: arena + tensor.offset, count: tensor.byteCount)
            .copyMemory(from: UnsafeRawBufferPointer(values))
    }

    /// Copies the floats of output `port`; throws as ``write(_:toInput:)`` does.
    public func read(output port: Int, into values: UnsafeMutableBufferPointer<Float>) throws(RuntimeError) {
        guard port >= 0, port < reader.outputCount else { throw .noSuchPort(port) }
        let tensor = reader.tensor(reader.output(port))
        try Self.check(tensor, count: values.count)
        UnsafeMutableRawBufferPointer(values)
            .copyMemory(from: UnsafeRawBufferPointer(start: arena + tensor.offset, count: tensor.byteCount))
    }

    private static func check(_ tensor: TensorRecord, count: Int) throws(RuntimeError) {
        guard tensor.elementType == .float32 else { throw .notFloat(tensor.elementType) }
        let expected = tensor.shape.elementCount
        guard count == expected else { throw .wrongCount(expected: expected, found: count) }
    }

    // MARK: - Running

    /// Runs the plan once over the inputs that were written. Allocates nothing and cannot fail.
    public mutating func run() {
        for index in 0..<steps.count { steps[index].run(kernels) }
    }

    /// Runs a model of one float input and one float output.
    ///
    /// - Parameters:
    ///   - input: The input's elements, in its shape's row-major order.
    ///   - output: Receives the output's elements.
    /// - Throws: ``RuntimeError/severalPorts(inputs:outputs:)``, ``RuntimeError/notFloat(_:)`` or
    ///   ``RuntimeError/wrongCount(expected:found:)``, before anything runs.
    public mutating func run(
        _ input: UnsafeBufferPointer<Float>, into output: UnsafeMutableBufferPointer<Float>
    ) throws(RuntimeError) {
        try requireSinglePorts()
        try Self.check(reader.tensor(reader.output(0)), count: output.count)
        try write(input, toInput: 0)
        run()
        try read(output: 0, into: output)
    }

    /// Runs a model of one float input and one float output; throws as `run` over buffers does.
    public mutating func predict(_ input: [Float]) throws(RuntimeError) -> [Float] {
        try requireSinglePorts()
        let tensor = reader.tensor(reader.output(0))
        let count = tensor.shape.elementCount
        var output = [Float](repeating: 0, count: count)
        // The closures hand the error out as a value: rethrowing through two buffers would lose its type.
        let failure: RuntimeError? = input.withUnsafeBufferPointer { source in
            output.withUnsafeMutableBufferPointer { target in
                do throws(RuntimeError) {
                    try run(source, into: target)
                    return nil
                } catch {
                    return error
                }
            }
        }
        if let failure { throw failure }
        return output
    }

    private func requireSinglePorts() throws(RuntimeError) {
        guard reader.inputCount == 1, reader.outputCount == 1 else {
            throw .severalPorts(inputs: reader.inputCount, outputs: reader.outputCount)
        }
    }
}

/// Safe because the struct cannot be copied: the image is only read, and the arena and the steps belong to one value,
/// which one thread at a time can hold.
extension Model: @unchecked Sendable {}
