import FleetModel

/// Images by digest, and blobs that are being pulled. A file in `images/` is whole: it gets its name only after its
/// bytes were hashed and synced.
package struct ImageFolder {
    private let images: String
    private let partial: String
    package let path: String
    private let files: any DeviceFiles

    /// Looks at a folder without changing it.
    init(reading path: String, files: any DeviceFiles) {
        self.path = path
        self.files = files
        images = "\(path)/images"
        partial = "\(path)/partial"
    }

    package init(path: String, files: any DeviceFiles) throws(DeviceError) {
        self.init(reading: path, files: files)
        for folder in [path, images, partial] { try files.makeFolder(folder) }
        // What was being decoded when the power went is decoded again.
        for name in files.names(in: images) where name.hasSuffix(".new") {
            files.remove("\(images)/\(name)")
        }
    }

    /// Where an image lies, or would lie.
    func path(of image: Digest) -> String { "\(images)/\(image.hex)" }
    /// Where an image is decoded to before it gets its name.
    func temporaryPath(of image: Digest) -> String { "\(path(of: image)).new" }
    /// Where a blob is gathered.
    func transfer(of blob: Digest) -> TransferFiles { TransferFiles(blob: "\(partial)/\(blob.hex)", files: files) }

    func holds(_ image: Digest) -> Bool { files.exists(path(of: image)) }

    /// Digests of the images on disk, in order.
    var held: [Digest] { files.names(in: images).compactMap { Digest(hex: $0) }.sorted() }

    /// Whether the file's bytes have its digest. Damaged files are removed.
    func isIntact(_ image: Digest) -> Bool {
        let found = digest(of: image)
        if found == image { return true }
        // A file that cannot be read just now is not proved to be damaged.
        if found != nil { files.remove(path(of: image)) }
        return false
    }

    /// Whether the file's bytes have its digest. Nothing is removed.
    func matches(_ image: Digest) -> Bool { digest(of: image) == image }

    /// What the file's bytes come to; nil if they cannot be read.
    private func digest(of image: Digest) -> Digest? {
        files.exists(path(of: image)) ? try? files.open(path(of: image), .read).digest() : nil
    }

    /// Removes every image that is not needed, and every partial blob but these.
    func keep(images needed: Set<Digest>, partial blobs: Set<Digest>) {
        for image in held where !needed.contains(image) { files.remove(path(of: image)) }
        for name in files.names(in: partial) {
            let hex = String(name.prefix { $0 != "." })
            if let blob = Digest(hex: hex), blobs.contains(blob) { continue }
            files.remove("\(partial)/\(name)")
        }
    }
}
