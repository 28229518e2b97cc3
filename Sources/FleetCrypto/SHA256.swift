internal import COpenSSL
public import FleetModel

/// OpenSSL's SHA-256, looked up once: a look-up for each hash takes locks and a tenth of a chunk's time.
///
/// `@unchecked Sendable`: a fetched method is never changed.
final class SHA256Method: @unchecked Sendable {
    static let shared = SHA256Method()
    let pointer: OpaquePointer?

    private init() { pointer = EVP_MD_fetch(nil, "SHA256", nil) }
}

/// SHA-256 of many short messages, one after the other, with one context.
public final class SHA256Series {
    private let context: OpaquePointer

    /// Precondition: memory for OpenSSL's 200 bytes of state.
    public init() {
        guard let context = EVP_MD_CTX_new() else { preconditionFailure("no memory for a SHA-256 context") }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    /// The digest of some bytes.
    public func hash(_ bytes: UnsafeRawBufferPointer) -> Digest {
        withUnsafeTemporaryAllocation(byteCount: Digest.byteCount, alignment: 8) { output in
            EVP_DigestInit_ex2(context, SHA256Method.shared.pointer, nil)
            EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
            EVP_DigestFinal_ex(context, output.assumingMemoryBound(to: UInt8.self).baseAddress, nil)
            guard let digest = Digest(UnsafeRawBufferPointer(output)) else {
                preconditionFailure("SHA-256 gives 32 bytes")
            }
            return digest
        }
    }
}

/// SHA-256 (FIPS 180-4), whole or in pieces.
///
/// ```swift
/// var hash = SHA256()
/// hash.update(header)
/// hash.update(body)
/// let digest = hash.finish()
/// ```
public struct SHA256: ~Copyable {
    private let context: OpaquePointer

    /// Precondition: memory for OpenSSL's 200 bytes of state.
    public init() {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex2(context, SHA256Method.shared.pointer, nil) == 1 else {
            preconditionFailure("no memory for a SHA-256 context")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Adds bytes.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, !bytes.isEmpty else { return }
        EVP_DigestUpdate(context, base, bytes.count)
    }

    /// Adds bytes.
    public mutating func update(_ bytes: some Sequence<UInt8>) {
        let done: Void? = bytes.withContiguousStorageIfAvailable { update(UnsafeRawBufferPointer($0)) }
        if done == nil { Array(bytes).withUnsafeBytes { update($0) } }
    }

    /// The digest of what was added so far; more may follow.
    public borrowing func current() -> Digest {
        let copy = SHA256()
        EVP_MD_CTX_copy_ex(copy.context, context)
        return copy.finish()
    }

    /// The digest of all that was added.
    public consuming func finish() -> Digest {
        let bytes = [UInt8](unsafeUninitializedCapacity: Digest.byteCount) { buffer, count in
            EVP_DigestFinal_ex(context, buffer.baseAddress, nil)
            count = Digest.byteCount
        }
        guard let digest = Digest(bytes) else { preconditionFailure("SHA-256 gives 32 bytes") }
        return digest
    }

    /// The digest of some bytes.
    public static func hash(_ bytes: UnsafeRawBufferPointer) -> Digest {
        var hash = SHA256()
        hash.update(bytes)
        return hash.finish()
    }

    /// The digest of some bytes.
    public static func hash(_ bytes: some Sequence<UInt8>) -> Digest {
        var hash = SHA256()
        hash.update(bytes)
        return hash.finish()
    }
}
