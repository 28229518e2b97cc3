/// Every bound of protocol version 1. A message past one of them is refused whole, before it is acted on.
public enum WireLimits {
    // MARK: CBOR

    /// Arrays, maps and tags within one another.
    public static let depth = 16
    /// The greatest integer in a message: what SQLite, JSON and a Double all hold exactly.
    public static let integer: UInt64 = (1 << 53) - 1

    // MARK: Bytes of a message

    /// Presence, desired, reported, need, acknowledgement, time, roles.
    public static let controlBytes = 64 << 10
    /// A receipt, before and after signing.
    public static let receiptBytes = 4 << 10
    /// A report.
    public static let reportBytes = 256 << 10
    /// A sample message; `samplePartBytes` of values and the rest around them.
    public static let sampleBytes = 128 << 10
    /// A message of a device's log: every line at its limit, and the rest.
    public static let logBytes = 24 << 10
    /// A release manifest with its golden vectors, before and after signing.
    public static let manifestBytes = 1 << 20
    /// A blob map: 32 bytes for each of 32,768 chunks, and the rest.
    public static let mapBytes = (1 << 20) + (4 << 10)

    // MARK: Blobs

    /// Bytes of a chunk unless the map says otherwise, and the most that a map may say.
    public static let chunkBytes = 64 << 10
    /// Chunks of a page unless the map says otherwise.
    public static let pageChunks = 16
    /// The most chunks in a page that a map may ask for.
    public static let largestPage = 256
    /// Bytes at the end of a sealed chunk that prove it: the tag of AES-256-GCM.
    public static let tagBytes = 16
    /// An image's key on its way to a device.
    public static let envelopeBytes = 80
    /// The largest blob and the largest image, in bytes (2 GiB).
    public static let blobBytes = 2 << 30
    /// The most chunks of a blob: 2 GiB in chunks of the usual size.
    public static let chunks = 32_768
    /// Ranges of missing chunks in one `need` or `fetch`.
    public static let missingRanges = 256

    // MARK: Parts of messages

    /// Characters (UTF-8 bytes) of a text that people read, such as a reason.
    public static let detailBytes = 200
    /// UTF-8 bytes of a short text: a version, a unit, a class, a selector, a sample's tag.
    public static let textBytes = 256
    /// UTF-8 bytes of a certificate or a request for one, PEM.
    public static let certificateBytes = 8 << 10
    /// Slots of a device, parts of a release.
    public static let slots = 16
    /// Digests of images that a device says it holds.
    public static let heldImages = 64
    /// Receipts in a reported slot: the newest.
    public static let receipts = 4
    /// Hardware names, capabilities, scopes, dependencies, digests to return to, sources of images.
    public static let listItems = 64
    /// Channels of a frame.
    public static let channels = 4096
    /// Features of a baseline.
    public static let features = 512
    /// Bins of a feature.
    public static let bins = 256
    /// Classes of a model.
    public static let classes = 4096
    /// Values of a frame: 1024 × 1024.
    public static let frameValues = 1 << 20
    /// Golden vectors of a release part.
    public static let goldenVectors = 64
    /// Bytes of values in one part of a sample; a longer frame continues in further parts.
    public static let samplePartBytes = 64 << 10
    /// Parts of a sample.
    public static let sampleParts = 256
    /// Ranges of missing sequences in an acknowledgement.
    public static let holes = 256
    /// Lines in one message of a device's log.
    public static let logLines = 64
    /// UTF-8 bytes of a line.
    public static let logLineBytes = 256
    /// Signatures of a signed message.
    public static let signatures = 16
    /// Bytes of an Ed25519 signature (RFC 8032).
    public static let signatureBytes = 64
    /// Keys of one kind in a role document.
    public static let keys = 64
    /// Root rotations in a role document: one a year for as long as a device lives.
    public static let rotations = 32
    /// A signed root rotation.
    public static let rotationBytes = 1 << 10
    /// Refusals that one message of the broker's guard stands for.
    public static let refusals = 1_000_000
    /// UTF-8 bytes of a topic.
    public static let topicBytes = 256
    /// The highest page and chunk index in a topic.
    public static let topicNumber = 1 << 24
}
