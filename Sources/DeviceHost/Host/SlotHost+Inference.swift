import DeviceCore
import FleetModel
import FleetWire
import Sketches

/// Answering, counting and sampling.
extension SlotHost {
    /// Answers frames of raw values, row by row, all by the release that serves now: one that is replaced meanwhile
    /// answers them to the last, and is then unmapped.
    func infer(_ frames: [UnsafeBufferPointer<Float>], tag: String) throws(DeviceError) -> [Inference] {
        guard let serving else {
            throw DeviceError(.notReady, "slot \(name) serves no release yet: \(machine.state.phase.rawValue)")
        }
        var inferences: [Inference] = []
        inferences.reserveCapacity(frames.count)
        for frame in frames { inferences.append(try infer(frame, by: serving, tag: tag)) }
        return inferences
    }

    private func infer(
        _ frame: UnsafeBufferPointer<Float>, by serving: LoadedRelease, tag: String
    ) throws(DeviceError) -> Inference {
        let start = host.clock.microseconds
        let scores = try scores(frame, serving)
        let latency = host.clock.microseconds - start
        guard let judgement = Judgement(scores: scores) else {
            throw inferenceFailed(frame, serving, latency: latency)
        }
        let counts = window?.release == serving.held.release
        let isFirst = counts && window?.isEmpty == true
        if counts { window?.add(frame: frame, judgement: judgement, latency: latency) }
        let inference = Inference(
            classIndex: judgement.classIndex, className: serving.part.classes[judgement.classIndex],
            scores: Array(scores), release: serving.held.release, image: serving.held.image.digest,
            version: serving.part.version, latency: latency)
        note(frame, serving, .answered, classIndex: judgement.classIndex, judgement.confidence, latency: latency)
        sample(frame, inference, margin: judgement.margin, tag: tag)
        count(serving.held.release, latency: latency, failed: false)
        if isFirst { host.rearm() }
        return inference
    }

    /// Runs the model, known for it should the process end.
    private func scores(
        _ frame: UnsafeBufferPointer<Float>, _ serving: LoadedRelease
    ) throws(DeviceError) -> UnsafeBufferPointer<Float> {
        host.marker.enter(ModelWork(slot: name, release: serving.held.release))
        defer { host.marker.leave() }
        return try serving.infer(frame)
    }

    private func note(
        _ frame: UnsafeBufferPointer<Float>, _ serving: LoadedRelease, _ outcome: JournalEntry.Outcome,
        classIndex: Int = 0, _ confidence: Float = 0, latency: Int
    ) {
        guard host.journal != nil else { return }
        let now = host.now()
        host.record { number in
            JournalEntry(
                number: number, time: now, slot: name.text, release: serving.held.release,
                image: serving.held.image.digest, input: JournalEntry.hash(frame), outcome: outcome,
                classIndex: classIndex, confidence: confidence, latency: latency)
        }
    }

    /// A frame that is not made of numbers is the sensor's fault, anything else the release's.
    private func inferenceFailed(
        _ frame: UnsafeBufferPointer<Float>, _ serving: LoadedRelease, latency: Int
    ) -> DeviceError {
        if window?.release == serving.held.release { window?.addError() }
        guard frame.allSatisfy(\.isFinite) else {
            note(frame, serving, .badFrame, latency: latency)
            return DeviceError(.badFrame, "the frame holds values that are not finite numbers")
        }
        note(frame, serving, .failed, latency: latency)
        count(serving.held.release, latency: latency, failed: true)
        return DeviceError(.inferenceFailed, "\(serving.part.version) gave scores that are not finite numbers")
    }

    private func count(_ release: Digest, latency: Int, failed: Bool) {
        guard machine.state.phase == .probation else { return }
        feed(.inferred(release: release, latencyMicroseconds: latency, failed: failed))
    }

    // MARK: Samples

    func adopt(_ policy: DevicePolicy) { sampler.adopt(policy.sampling, at: host.now()) }

    private func sample(
        _ frame: UnsafeBufferPointer<Float>, _ inference: Inference, margin: Float, tag: String
    ) {
        let cost = 4 * (frame.count + inference.scores.count) + DeviceLimits.sampleOverhead
        let now = host.now()
        makeRoomForSample(bytes: cost, at: now)
        let decision = sampler.decide(
            margin: margin, cost: cost, spoolHasRoom: host.spooler.hasRoomForSample(bytes: cost),
            uniform: host.random.chance(), at: now)
        if window?.release == inference.release { window?.add(decision) }
        guard case .chosen(let probability) = decision else { return }
        let key = host.spooler.nextKey(.sample)
        let parts = sampleParts(frame, inference, key: key, probability: probability, tag: tag, at: now)
        do throws(DeviceError) {
            try host.spooler.add(key, parts: parts, at: now, flushAfter: host.configuration.limits.flushDelay)
            try host.store.put(sampler.bucket.stored, as: DeviceHost.Documents.bucket(name))
        } catch {
            host.abandonWrites(error)
        }
        host.rearm()
    }

    private func makeRoomForSample(bytes: Int, at now: Instant) {
        guard !host.spooler.hasRoomForSample(bytes: bytes) else { return }
        do throws(DeviceError) {
            try host.spooler.makeRoomForSample(bytes: bytes, random: &host.random, at: now)
        } catch {
            host.abandonWrites(error)
        }
    }

    private func sampleParts(
        _ frame: UnsafeBufferPointer<Float>, _ inference: Inference, key: SpoolKey, probability: Float, tag: String,
        at now: Instant
    ) -> [[UInt8]] {
        let size = WireLimits.samplePartBytes / MemoryLayout<Float>.size
        let count = max(1, (frame.count + size - 1) / size)
        return (0..<count).map { part in
            SampleMessage(
                boot: key.boot, sequence: key.sequence, part: part, partCount: count, slot: name,
                release: inference.release, version: inference.version, captured: now, tag: tag,
                probability: probability, scores: part == 0 ? inference.scores : [],
                values: Array(frame[part * size..<min((part + 1) * size, frame.count)])
            ).encoded()
        }
    }

    // MARK: Reports

    private var reportInterval: Interval { (host.desired?.policy ?? DevicePolicy()).reportInterval }

    /// When the window is to be closed; nil while it is empty, or while the spool has no room and it goes on growing.
    var windowDue: Instant? {
        guard let window, !window.isEmpty, host.spooler.mayTakeReport else { return nil }
        return max(window.dueAt(reportInterval), windowHeldUntil)
    }

    func closeWindowIfDue(at now: Instant) {
        if let due = windowDue, now >= due { closeWindow(mustSpool: false) }
    }

    /// Turns what was counted into a report.
    ///
    /// - Parameter mustSpool: the window's release is being replaced: the oldest report makes room if it must.
    func closeWindow(mustSpool: Bool) {
        guard let isEmpty = window?.isEmpty, !isEmpty else { return }
        // The window does not come again: and a full disk may have got room by the first failure.
        let isSpooled = spoolWindow(isUrgent: mustSpool) || mustSpool && spoolWindow(isUrgent: true)
        if mustSpool, !isSpooled { host.spooler.reportsDropped += 1 }
        host.syncJournal()
    }

    /// False if the disk refused: the window is as it was, and is held for a while.
    private func spoolWindow(isUrgent: Bool) -> Bool {
        let now = host.now()
        var open = window
        do throws(DeviceError) {
            guard try host.spooler.makeRoomForReport(isUrgent: isUrgent) else { return true }
            let key = host.spooler.nextKey(.report)
            window?.addDropped(samples: host.spooler.takeSamplesDropped())
            open = window
            let report = window?.close(
                boot: key.boot, sequence: key.sequence, reportsDropped: host.spooler.reportsDropped, at: now)
            guard let report else { return true }
            try host.spooler.add(
                key, parts: [report.encoded()], at: now, flushAfter: host.configuration.limits.flushDelay)
            return true
        } catch {
            host.abandonWrites(error)
            window = open
            windowHeldUntil = now.advanced(by: DeviceLimits.windowPause)
            return false
        }
    }
}
