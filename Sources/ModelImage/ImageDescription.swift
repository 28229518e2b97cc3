/// A whole image as a value: what the compiler builds and ``encoded()`` writes.
///
/// ```swift
/// var image = ImageDescription()
/// let x = image.add(.input("x", shape: [1, 640], at: 0))
/// let w = image.add(.panels("w", matrices: [weights], rows: 640, columns: 128))
/// let y = image.add(.output("y", shape: [1, 128], at: 2560))
/// image.operations.append(.init(.gemm, activation: .relu, inputs: [x, w], output: y, name: "dense"))
/// image.inputs = [x]
/// image.outputs = [y]
/// image.arenaBytes = 3072
/// let bytes = try image.encoded()
/// ```
public struct ImageDescription: Equatable, Sendable {
    /// One tensor. Its index in ``ImageDescription/tensors`` is how operations name it.
    public struct Tensor: Equatable, Sendable {
        public var name: String
        public var elementType: ElementType
        public var kind: TensorKind
        public var layout: TensorLayout
        /// Dimensions, outermost first; for panels those of the unpacked matrix.
        public var shape: [Int]
        /// Bytes from the arena's start, a multiple of 64; for all kinds but constants. Two tensors may share a
        /// place: that is how a reshape costs nothing.
        public var arenaOffset: Int
        /// The elements of a constant, little-endian, in `layout`'s order.
        public var data: [UInt8]
        /// For an output: the int64 scalar that says after a run how much of the first dimension is filled.
        public var extent: Int?

        public init(
            name: String, elementType: ElementType = .float32, kind: TensorKind, layout: TensorLayout = .dense,
            shape: [Int], arenaOffset: Int = 0, data: [UInt8] = [], extent: Int? = nil
        ) {
            self.name = name
            self.elementType = elementType
            self.kind = kind
            self.layout = layout
            self.shape = shape
            self.arenaOffset = arenaOffset
            self.data = data
            self.extent = extent
        }
    }

    /// One step of the plan.
    public struct Step: Equatable, Sendable {
        public var operation: Operation
        public var activation: Activation
        /// Tensor indices; nil stands for an optional input that is absent.
        public var inputs: [Int?]
        public var outputs: [Int]
        /// A place in the arena that nothing else uses during the step, a multiple of 64.
        public var scratchOffset: Int
        /// At least what ``Operation/scratchBytes(left:right:output:)`` says.
        public var scratchBytes: Int
        /// For people: usually the ONNX node's name.
        public var name: String

        public init(
            _ operation: Operation, activation: Activation = .none, inputs: [Int?], outputs: [Int],
            scratchOffset: Int = 0, scratchBytes: Int = 0, name: String = ""
        ) {
            self.operation = operation
            self.activation = activation
            self.inputs = inputs
            self.outputs = outputs
            self.scratchOffset = scratchOffset
            self.scratchBytes = scratchBytes
            self.name = name
        }

        public init(
            _ operation: Operation, activation: Activation = .none, inputs: [Int?], output: Int,
            scratchOffset: Int = 0, scratchBytes: Int = 0, name: String = ""
        ) {
            self.init(
                operation, activation: activation, inputs: inputs, outputs: [output], scratchOffset: scratchOffset,
                scratchBytes: scratchBytes, name: name)
        }
    }

    public var tensors: [Tensor] = []
    /// The plan, in the order of execution.
    public var operations: [Step] = []
    /// Tensors of kind `input`, in the model's order.
    public var inputs: [Int] = []
    /// Tensors of kind `output`, in the model's order.
    public var outputs: [Int] = []
    /// A multiple of 64 that holds every tensor (its size rounded up to 64) and all scratch.
    public var arenaBytes = 0

    /// An empty image.
    public init() {}

    /// Appends a tensor and returns its index.
    public mutating func add(_ tensor: Tensor) -> Int {
        tensors.append(tensor)
        return tensors.count - 1
    }
}

extension ImageDescription.Tensor {
    /// A float input of the model.
    public static func input(_ name: String, shape: [Int], at arenaOffset: Int) -> Self {
        Self(name: name, kind: .input, shape: shape, arenaOffset: arenaOffset)
    }

    /// A float output of the model.
    public static func output(_ name: String, shape: [Int], at arenaOffset: Int) -> Self {
        Self(name: name, kind: .output, shape: shape, arenaOffset: arenaOffset)
    }

    /// A float result that later steps read.
    public static func intermediate(_ name: String, shape: [Int], at arenaOffset: Int) -> Self {
        Self(name: name, kind: .intermediate, shape: shape, arenaOffset: arenaOffset)
    }

    /// Dense floats: a bias, a scale, an operand.
    public static func constant(_ name: String, _ values: [Float], shape: [Int]) -> Self {
        Self(name: name, kind: .constant, shape: shape, data: littleEndianBytes(values))
    }

    /// A float matrix (row-major, `rows` × `columns`) in panels: weights of rank 2, as `gemm` and `depthwise` take.
    public static func panels(_ name: String, _ matrix: [Float], rows: Int, columns: Int) -> Self {
        let packed = PanelLayout.pack(matrix, rows: rows, columns: columns)
        return Self(
            name: name, kind: .constant, layout: .panels, shape: [rows, columns], data: littleEndianBytes(packed))
    }

    /// One float matrix per group (row-major, `rows` × `columns` each) in panels: rank 3, as `convolution` takes.
    public static func panels(_ name: String, groups: [[Float]], rows: Int, columns: Int) -> Self {
        let packed = groups.flatMap { PanelLayout.pack($0, rows: rows, columns: columns) }
        return Self(
            name: name, kind: .constant, layout: .panels, shape: [groups.count, rows, columns],
            data: littleEndianBytes(packed))
    }

    private static func littleEndianBytes(_ values: [Float]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(values.count * 4)
        for value in values { bytes.appendLittleEndian(value.bitPattern) }
        return bytes
    }
}

extension [UInt8] {
    mutating func appendLittleEndian<Number: FixedWidthInteger>(_ number: Number) {
        var rest = number
        for _ in 0..<(Number.bitWidth / 8) {
            append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }
}
