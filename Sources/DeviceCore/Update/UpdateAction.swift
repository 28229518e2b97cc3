public import FleetModel

/// What the shell must do, in the order of the list. If `store` or `commit` fails it drops the rest of the list and
/// says `storeFailed`.
public enum UpdateAction: Hashable, Sendable {
    /// Make `UpdateMachine.state` durable.
    case store
    /// Make the state durable together with this receipt, in one transaction.
    case commit(GoldenResult)
    /// Get, check and hand over the manifest of this digest.
    case fetchManifest(Digest)
    /// Pull the image's blob (or notice that the image is on disk), saying `fetched` and `fetchFinished`.
    case fetchImage(ImageReference, blob: Digest)
    /// Nothing is to be fetched any more. What was pulled may stay on disk.
    case stopFetching
    /// Hash and read the whole image.
    case verifyImage(ImageReference)
    /// Run the golden inputs.
    case prove(HeldRelease)
    /// From the next inference on use this release, or none.
    case serve(HeldRelease?)
    /// Delete images and manifests that the state does not need.
    case discardUnneeded
    /// Publish where the slot stands.
    case report
}
