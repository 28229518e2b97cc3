import DeviceCore
import EdgeRuntime
import FleetCrypto
import FleetModel
import FleetWire
import MQTTTransport

/// A manifest that was asked for.
struct WantedManifest {
    let release: Digest
    /// Since when it could have come; nil while there is no connection.
    var since: Instant?
    /// It came before the roles did.
    var message: [UInt8]?
}

/// From a digest to an image on disk.
extension SlotHost {
    private var topics: Topics { host.configuration.topics }
    private var limits: DeviceLimits { host.configuration.limits }

    // MARK: Manifest

    func fetchManifest(_ release: Digest) {
        wanted = WantedManifest(release: release, since: host.isConnected ? host.now() : nil)
        if let stored = try? host.store.manifest(release) { return judge(stored) }
        host.client?.subscribe([topics.text(.release(release))], qos: .atLeastOnce)
    }

    func manifestArrived(_ release: Digest, _ message: [UInt8]) {
        guard wanted?.release == release else { return }
        // A broker's noise is not the release's fault: what has another digest is as good as nothing.
        guard host.trust.functions.hash(message) == release else {
            return host.note(.problem("release/\(release.short): another digest"))
        }
        judge(message)
    }

    /// Trusts or refuses, as soon as there are roles to go by.
    private func judge(_ message: [UInt8]) {
        guard let release = wanted?.release else { return }
        guard let roles = host.roles else {
            wanted?.message = message
            return
        }
        stopWaitingForManifest()
        do throws(Refusal) {
            let manifest = try host.trust.release(
                message, digest: release, slot: name, state: machine.state, roles: roles, fitness: fitness,
                at: host.now())
            guard let held = HeldRelease(release: release, manifest: manifest, slot: name) else { return }
            try? host.store.put(manifest: message, of: release)
            host.learn(manifest.created)
            feed(.manifestAccepted(held))
        } catch {
            host.note(.problem("release \(release.short) refused: \(error)"))
            feed(.manifestRefused(release: release, error.failure, detail: error.detail))
        }
    }

    private var fitness: DeviceFitness {
        DeviceFitness(
            device: host.configuration.device, tags: host.configuration.tags, hardware: host.configuration.hardware,
            runtimeVersion: host.facts.runtimeVersion, arenaLimit: limits.arenaBytes, imageLimit: limits.imageBytes)
    }

    func rolesChanged() {
        if let message = wanted?.message { judge(message) }
        feed(.trustChanged)
    }

    func waitForManifestAgain() { if wanted != nil { wanted?.since = host.now() } }

    private func stopWaitingForManifest() {
        guard let release = wanted?.release else { return }
        wanted = nil
        host.client?.unsubscribe([topics.text(.release(release))])
    }

    var manifestDue: Instant? {
        guard host.isConnected else { return nil }
        return wanted?.since?.advanced(by: limits.manifestTimeout)
    }

    func checkManifestTimeout(at now: Instant) {
        guard let due = manifestDue, now >= due, let wanted else { return }
        stopWaitingForManifest()
        let what = wanted.message == nil ? "the manifest did not come" : "no role document came"
        feed(.fetchFailed(release: wanted.release, .fetchTimedOut, detail: what))
    }

    // MARK: Image

    func fetchImage(_ image: ImageReference, blob: Digest) {
        if host.images.holds(image.digest) { return feed(.fetchFinished(image: image.digest)) }
        pull?.stop()
        pull = BlobPull(blob: blob, image: image, environment: host) { [weak self] outcome in
            switch outcome {
            case .progress(let share): self?.feed(.fetched(image: image.digest, share: share))
            case .finished:
                self?.host.note(.gathered(blob: blob))
                self?.pullFinished(image.digest)
            case .failed(let failure, let detail): self?.pullFailed(failure, detail: detail)
            }
        }
        pull?.start()
    }

    func stopFetching() {
        stopWaitingForManifest()
        pull?.stop()
        pull = nil
    }

    /// The pull has all chunks.
    func pullFinished(_ image: Digest) {
        pull = nil
        feed(.fetchFinished(image: image))
    }

    func pullFailed(_ failure: InstallFailure, detail: String) {
        pull = nil
        guard let release = machine.state.target?.release else { return }
        feed(.fetchFailed(release: release, failure, detail: detail))
    }

    // MARK: Verifying

    /// Decodes what was pulled, hashes it whole, gives it its name, and reads it as an image.
    func verify(_ image: ImageReference) {
        let blob = machine.state.blob(for: image.digest)
        do throws(DeviceError) {
            // Loaded before, it need not be what the disk holds now.
            loaded = nil
            if !host.images.isIntact(image.digest) { try decode(blob, to: image) }
            host.images.transfer(of: blob).remove()
            guard let candidate = machine.state.candidate else { return }
            // Whether a program runs is seen when it is proved.
            if isAgent { return feed(.verified(image: image.digest)) }
            host.marker.enter(ModelWork(slot: name, release: candidate.release))
            defer { host.marker.leave() }
            do throws(DeviceError) {
                try loadCandidate(candidate)
                feed(.verified(image: image.digest))
            } catch {
                // Nothing is wrong with an image that there is no memory for.
                let failure: InstallFailure = error.code == .noMemory ? .arenaTooLarge : .malformedImage
                feed(.verifyFailed(image: image.digest, failure, detail: error.context))
            }
        } catch {
            host.images.transfer(of: blob).remove()
            feed(
                .verifyFailed(
                    image: image.digest, error.code == .noSpace ? .noSpace : .wrongDigest, detail: error.context))
        }
    }

    private func decode(_ blob: Digest, to image: ImageReference) throws(DeviceError) {
        let files = host.images.transfer(of: blob)
        guard let map = files.stored()?.map else {
            throw DeviceError(.wrongContent, "nothing is known of blob \(blob.short)")
        }
        let temporary = host.images.temporaryPath(of: image.digest)
        let digest = try BlobDecoder.decode(
            map.codec, from: files.blob, seal: try host.seal(of: map, blob), base: map.base.map(host.images.path(of:)),
            to: temporary, limit: image.bytes,
            in: host.files)
        guard digest == image.digest || host.platform.bugs.contains(.unverifiedImage) else {
            host.files.remove(temporary)
            throw DeviceError(.wrongContent, "blob \(blob.short) decodes to \(digest.short), not \(image.digest.short)")
        }
        try host.files.rename(temporary, to: host.images.path(of: image.digest))
    }
}

extension DeviceHost {
    /// What opens a sealed blob: the image's key came in the desired document, for this device alone.
    func seal(of map: BlobMap, _ blob: Digest) throws(DeviceError) -> BlobSeal? {
        guard let salt = map.seal else { return nil }
        let keys = desired?.slots.lazy.flatMap(\.keys).first { $0.image == map.image }
        guard let envelope = keys?.envelope else {
            throw DeviceError(
                .wrongContent,
                "blob \(blob.short) is sealed, and the desired document has no key of image \(map.image.short)")
        }
        do throws(CryptoError) {
            let key = try KeyEnvelope.open(envelope, with: configuration.signingKey)
            return BlobSeal(key: key.blobKey(salt: salt), chunkBytes: map.chunkBytes)
        } catch {
            throw DeviceError(.cryptoFailed, "the key of image \(map.image.short) cannot be opened: \(error.context)")
        }
    }

    /// Removes images, manifests and half-pulled blobs that no slot needs.
    func discardUnneeded() {
        let states = slots.values.map(\.machine.state)
        let blobs = states.compactMap { state in
            state.candidate.map { state.blob(for: $0.image.digest) }
        }
        images.keep(images: states.reduce(into: []) { $0.formUnion($1.neededImages) }, partial: Set(blobs))
        do throws(DeviceError) {
            try store.keepManifests(states.reduce(into: []) { $0.formUnion($1.neededReleases) })
            spooler.flushSoon(at: now(), after: configuration.limits.flushDelay)
        } catch {
            note(.problem("\(error)"))
        }
    }
}
