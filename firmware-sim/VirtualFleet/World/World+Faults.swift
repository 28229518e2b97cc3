import DeviceHost
import FleetCrypto
import FleetModel
import FleetWire
import Sketches

/// What goes wrong, done to the world.
extension World {
    func apply(_ kind: Fault.Kind) {
        switch kind {
        case .power(let device, let off):
            devices[device].powerOff(for: off)
            if devices[device].host != nil { devices[device].cutPower() }
        case .powerAtOperation(let device, let operations, let off):
            devices[device].powerOff(for: off)
            devices[device].flash.cut(at: devices[device].flash.operations + operations)
        case .powerInPull(let device, let operations, let off):
            devices[device].powerOff(for: off)
            devices[device].flash.cut(afterMaking: "/partial/", operations: operations)
        case .cuts(let device, let first, let second):
            devices[device].flash.cut(at: first)
            devices[device].cutAfterBoot = second
        case .kill(let device, let off):
            devices[device].powerOff(for: off)
            devices[device].kill()
        case .partition(let device, let duration):
            devices[device].partition(true)
            queue.schedule(after: duration) { [self] in devices[device].partition(false) }
        case .clock(let device, let offset): devices[device].setClock(by: offset)
        case .bootIn1970(let device):
            devices[device].setClock(to1970: true)
            if devices[device].host != nil { devices[device].cutPower() }
        case .rot(let device): rot(devices[device])
        case .diskFull(let device, let duration):
            devices[device].flash.capacity = devices[device].flash.used
            queue.schedule(after: duration) { [self] in
                devices[device].flash.capacity = plan.surroundings(of: device).diskBytes
            }
        case .controllerPower, .controllerPowerAtOperation, .controllerPartition: applyToController(kind)
        case .broker, .retainedLoss, .badChunk, .storm, .attack, .replay, .swap: applyToBroker(kind)
        }
    }

    private func applyToController(_ kind: Fault.Kind) {
        switch kind {
        case .controllerPower(let off):
            controller.powerOff(for: off)
            if controller.isUp { controller.cutPower() }
        case .controllerPowerAtOperation(let operations, let off):
            controller.powerOff(for: off)
            controller.flash.cut(at: controller.flash.operations + operations)
        case .controllerPartition(let duration):
            controller.partition(true)
            queue.schedule(after: duration) { [self] in controller.partition(false) }
        default: break
        }
    }

    private func applyToBroker(_ kind: Fault.Kind) {
        switch kind {
        case .broker(let off, let persists):
            guard broker.isUp else { return }
            broker.goDown()
            queue.schedule(after: off) { [self] in if !broker.isUp { broker.comeUp(withPersistence: persists) } }
        case .retainedLoss(let percent):
            broker.loseRetained(Double(percent) / 100)
            repairSoon()
        case .badChunk(let release, let chunk): damage(release, chunk)
        case .storm(let duration):
            broker.weather.loss = 0.2
            broker.weather.duplication = 0.1
            broker.weather.delay = 20...1500
            queue.schedule(after: duration) { [self] in broker.weather = plan.weather }
        case .attack(let device, let number): attack(devices[device], Attack.allCases[number])
        case .replay(let device): replay(devices[device])
        case .swap(let release): swap(release)
        default: break
        }
    }

    // MARK: Disks

    /// A bit of the champion's image flips, once in a device's life: two bad images at once are beyond its promise.
    private func rot(_ device: VirtualDevice) {
        guard !checker.isRotten(device), let digest = checker.champion(device), let release = fixture.sound(digest)
        else { return }
        var chance = SeededGenerator(seed: seed, name: "rot")
        let path = "\(device.folder)/images/\(release.imageDigest.hex)"
        guard device.flash.rot(path, &chance) else { return }
        checker.rotted(device)
        // It is found at the next start.
        if device.host != nil { device.cutPower() }
    }

    // MARK: Somebody at the broker

    /// The controller looks at what the broker holds at its next connection.
    private func repairSoon() { queue.schedule(after: 8000) { [self] in controller.reconnect() } }

    private func damage(_ release: Int, _ chunk: Int) {
        guard plan.rollouts.indices.contains(release), let release = fixture.releases[plan.rollouts[release].name]
        else {
            return
        }
        let blob = release.imageDigest
        broker.damage(
            Topics().text(
                .chunk(blob, page: chunk / WireLimits.pageChunks, index: chunk % WireLimits.pageChunks)))
    }

    private func attack(_ device: VirtualDevice, _ attack: Attack) {
        guard let release = fixture.attacks[attack] else { return }
        // An equal counter is one only for a device that has accepted the other.
        if attack == .equalCounter, checker.champion(device) == nil { return }
        let topics = Topics()
        for message in release.retainedMessages() {
            broker.publish(topics.text(message.topic), message.payload, retain: true)
        }
        let topic = topics.text(.desired(device.id))
        guard let current = broker.retained[topic], var desired = try? Desired(decoding: current) else { return }
        desired.slots = [
            DesiredSlot(
                slot: .main, release: release.digest, activation: .now,
                deadline: now.advanced(by: .minutes(60)))
        ]
        broker.publish(topic, desired.encoded(), retain: true)
        repairSoon()
    }

    private func replay(_ device: VirtualDevice) {
        guard let oldest = checker.documents[device.id]?.first else { return }
        broker.publish(Topics().text(.desired(device.id)), oldest, retain: true)
        repairSoon()
    }

    /// Other bytes under the names of an image's blobs, whole and as differences, with maps that fit them.
    private func swap(_ release: Int) {
        guard plan.rollouts.indices.contains(release), let real = fixture.releases[plan.rollouts[release].name],
            let other = fixture.attacks[.strangers], other.image.count == real.image.count
        else { return }
        let digest = real.imageDigest
        let size = max(1, other.image.count / Fixture.chunks)
        let chunks = stride(from: 0, to: other.image.count, by: size).map {
            Array(other.image[$0..<min($0 + size, other.image.count)])
        }
        let map = BlobMap(
            bytes: other.image.count, chunkBytes: size, pageChunks: WireLimits.pageChunks, codec: .raw, image: digest,
            imageBytes: real.image.count, base: nil, chunks: ChunkDigests(chunks.map { SHA256.hash($0) }))
        let topics = Topics()
        for blob in blobs(of: digest) {
            for (index, chunk) in chunks.enumerated() {
                let topic = Topic.chunk(blob, page: index / map.pageChunks, index: index % map.pageChunks)
                broker.publish(topics.text(topic), chunk, retain: true)
            }
            broker.publish(topics.text(.blobMap(blob)), map.encoded(), retain: true)
        }
        repairSoon()
    }

    /// The blobs at the broker that an image can be made of.
    private func blobs(of image: Digest) -> [Digest] {
        broker.retainedTopics(Topics().allBlobMaps).compactMap { topic in
            guard case .blobMap(let blob)? = try? Topics().parse(topic), let payload = broker.retained[topic],
                let map = try? BlobMap(decoding: payload), map.image == image
            else { return nil }
            return blob
        }
    }
}
