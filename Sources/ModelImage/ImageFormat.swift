/// The constants of the image format, version 1: see `docs/image-format.md`.
public enum ImageFormat {
    /// The first eight bytes of every image, as a little-endian number: the text `MARTLETI`.
    public static let magic: UInt64 = 0x4954_454C_5452_414D
    /// A reader refuses an image whose major version differs from its own.
    public static let majorVersion: UInt16 = 1
    /// Grows when something is added that an older reader may ignore.
    public static let minorVersion: UInt16 = 1
    /// Bytes of the header.
    public static let headerBytes = 64
    /// Bytes of one entry of the tensor table.
    public static let tensorRecordBytes = 64
    /// Bytes of one entry of the plan.
    public static let operationRecordBytes = 40
    /// Sections, constants and arena slots start at multiples of this many bytes; a constant's bytes are padded
    /// with zeros up to the next multiple, so a kernel may load whole vectors at its end.
    public static let alignment = 64
    /// Stands for an optional input that is absent.
    public static let absentOperand: UInt32 = 0xFFFF_FFFF

    /// `count` rounded up to a multiple of ``alignment``.
    @inlinable
    public static func aligned(_ count: Int) -> Int {
        (count + (alignment - 1)) & ~(alignment - 1)
    }
}

/// What a reader accepts. An image beyond any of these is refused, so that no field of a hostile image can make
/// the reader or a kernel overflow.
public enum ImageLimits {
    /// Largest image, in bytes: 2047 MiB, so that it fits a blob of 2 GiB sealed as well, and 1 GiB where an address does
    /// not reach further.
    #if _pointerBitWidth(_64)
        public static let imageBytes = 2047 << 20
    #else
        public static let imageBytes = 1 << 30
    #endif
    /// Largest arena, in bytes (1 GiB).
    public static let arenaBytes = 1 << 30
    /// Most entries of the tensor table.
    public static let tensors = 65_536
    /// Most operations of a plan.
    public static let operations = 65_536
    /// Most model inputs, and most model outputs.
    public static let ports = 64
    /// Most dimensions of a tensor.
    public static let rank = 8
    /// Most elements of a tensor (2^28).
    public static let elements = 1 << 28
    /// Most inputs, and most outputs, of one operation.
    public static let operands = 64
    /// Most 32-bit attribute words of one operation.
    public static let attributeWords = 32
    /// Longest name, in UTF-8 bytes.
    public static let nameBytes = 255
    /// Largest kernel size, stride, dilation or padding of a window, per direction.
    public static let window = 16_384
}
