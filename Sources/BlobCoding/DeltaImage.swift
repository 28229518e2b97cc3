import ModelImage

/// An image as deltas see it: its bytes, and where its constants lie in them.
struct DeltaImage {
    /// A constant's place in the file, padded to the alignment.
    struct Constant {
        let name: String
        let kind: ElementKind
        let range: Range<Int>

        var shape: Shape { Shape(kind: kind, bytes: range.count) }
    }

    /// Constants that may be compared have the same.
    struct Shape: Hashable {
        var kind: ElementKind
        var bytes: Int
    }

    let file: UnsafeRawBufferPointer
    /// In the order of the file.
    let constants: [Constant]

    /// - Throws: `malformed` for anything that is not an image.
    init(_ file: UnsafeRawBufferPointer) throws(BlobCodingError) {
        let reader: ImageReader
        do throws(ImageError) {
            reader = try ImageReader(file, verifiesChecksum: false)
        } catch {
            throw BlobCodingError(.malformed, "not an image: \(error)")
        }
        self.file = file
        let weights = file.baseAddress.map { reader.weights - $0 } ?? 0
        constants = (0..<reader.tensorCount).compactMap { index in
            let record = reader.tensor(index)
            guard record.kind == .constant, record.byteCount > 0,
                let kind = ElementKind(width: record.elementType.size, isFloat: record.elementType.isFloating)
            else { return nil }
            let start = weights + Int(record.offset)
            let end = min(start + ImageFormat.aligned(Int(record.byteCount)), file.count)
            return Constant(name: reader.tensorName(index), kind: kind, range: start..<end)
        }.sorted { $0.range.lowerBound < $1.range.lowerBound }
    }
}
