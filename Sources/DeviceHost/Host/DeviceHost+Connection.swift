import DeviceCore
import EdgeRuntime
package import FleetModel
package import FleetWire
import MQTTTransport
import Sketches

/// The device's side of the broker: presence, subscriptions, what comes in and what goes out.
extension DeviceHost {
    // MARK: Connecting

    func connect() {
        do throws(MQTTError) {
            let client = try makeLink(tls: configuration.tls)
            self.client = client
            client.connect()
        } catch {
            note(.problem("\(error)"))
        }
    }

    /// A client with the subscriptions that every session has.
    func makeLink(tls: MQTTTLS?, isTrial: Bool = false) throws(MQTTError) -> any DeviceLink {
        let configuration = configuration
        let mqtt = MQTTConfiguration(
            host: configuration.brokerHost, port: configuration.brokerPort, clientID: configuration.device.text,
            tls: tls, will: will(session: session + 1), seed: random.next())
        generation += 1
        let generation = generation
        if !isTrial { liveGeneration = generation }
        let link = try loop.makeLink(mqtt) { [weak self] event in self?.receive(event, from: generation) }
        link.subscribe(
            [configuration.topics.down(configuration.device), configuration.topics.trust], qos: .atLeastOnce)
        return link
    }

    /// Goes on with another session in place of the one that it has just ended at the broker.
    func adopt(_ link: any DeviceLink, _ generation: Int) {
        let old = client
        client = link
        liveGeneration = generation
        old?.disconnect(flushMilliseconds: 0)
        for slot in orderedSlots { slot.disconnected() }
        spooler.disconnected()
        connected()
    }

    private func receive(_ event: MQTTEvent, from generation: Int) {
        if generation == liveGeneration { return receive(event) }
        if trial != nil, generation == self.generation { trialReceived(event, generation) }
    }

    private func receive(_ event: MQTTEvent) {
        switch event {
        case .connected: connected()
        case .disconnected(let reason, _): disconnected(reason)
        case .message(let message): receive(message)
        case .subscribed: break
        case .refused(let topic, let reason): note(.problem("the broker refused \(topic): \(reason)"))
        }
    }

    private func connected() {
        isConnected = true
        lastFailedAttempt = nil
        session += 1
        note(.connected)
        tellGap()
        publishPresence(online: true)
        publishReported()
        for slot in orderedSlots { slot.connected() }
        sendBacklog()
        watchCertificate()
        rearm()
    }

    /// Sends what waits. That it may have been sent is durable first: such messages are never changed again, so nothing
    /// can count twice. Without room on the disk for that note the backlog waits.
    private func sendBacklog() {
        do throws(DeviceError) { try spooler.markAsSent() } catch { note(.problem("\(error)")) }
        if isFrozen || flush() { return perform(spooler.connected(at: now())) }
        loop.schedule(after: DeviceLimits.markPause.milliseconds) { [weak self, session] in
            guard let self, isConnected, session == self.session else { return }
            sendBacklog()
            rearm()
        }
    }

    private func disconnected(_ reason: String) {
        guard isConnected else { return noteFailedAttempt(reason) }
        isConnected = false
        client?.setWill(will(session: session + 1))
        note(.disconnected(reason: reason))
        for slot in orderedSlots { slot.disconnected() }
        spooler.disconnected()
        rearm()
    }

    /// Tells why the broker cannot be reached, once per reason: attempts go on for as long as it takes.
    private func noteFailedAttempt(_ reason: String) {
        guard reason != lastFailedAttempt else { return }
        lastFailedAttempt = reason
        note(.problem("cannot reach the broker: \(reason)"))
    }

    func sayGoodbye() {
        if isConnected { publishPresence(online: false) }
        client?.disconnect(flushMilliseconds: 200)
    }

    // MARK: Presence and state

    private func will(session: UInt64) -> MQTTWill {
        let presence = presence(online: false, session: session, images: [])
        return MQTTWill(topic: configuration.topics.text(.presence(configuration.device)), payload: presence.encoded())
    }

    private func presence(online: Bool, session: UInt64, images: [Digest]) -> Presence {
        Presence(
            online: online, boot: boot, session: session, facts: facts,
            images: Array(images.prefix(WireLimits.heldImages)))
    }

    private func publishPresence(online: Bool) {
        publish(.presence(configuration.device), presence(online: online, session: session, images: images.held))
    }

    /// What this device is.
    var facts: DeviceFacts {
        DeviceFacts(
            hardware: configuration.hardware, agentVersion: AgentVersion.current,
            runtimeVersion: EdgeRuntime.version,
            instructionSet: ((try? InstructionSet.preferred()) ?? .baseline).name,
            capabilities: BlobDecoder.codecs.map(\.rawValue))
    }

    func publishReported() {
        if let reportTimer { loop.cancel(reportTimer.id) }
        reportTimer = nil
        reportedAt = clock.milliseconds
        guard isConnected else { return }
        let slots = orderedSlots.prefix(WireLimits.slots).map(\.reported)
        publish(
            .reported(configuration.device),
            Reported(
                observedGeneration: desired?.generation ?? 0, slots: Array(slots),
                trustRefusal: trustRefusals[.roles] ?? trustRefusals[.time]))
    }

    func publish(_ topic: Topic, _ message: some WireMessage) {
        client?.publish(
            topic: configuration.topics.text(topic), payload: message.encoded(), qos: .atLeastOnce,
            retain: topic.isRetained, priority: .control)
    }

    // MARK: What comes in

    private func receive(_ message: MQTTMessage) {
        guard let topic = message.withTopic({ configuration.topics.topic(named: $0) }) else { return }
        turn { receive(message, of: topic) }
    }

    private func receive(_ message: MQTTMessage, of topic: Topic) {
        switch topic {
        case .desired(configuration.device): receive(message, as: Desired.self, pursueAndStore)
        case .ack(configuration.device): receive(message, as: Ack.self, settle)
        case .certificate(configuration.device): receive(message, as: RenewedCertificate.self, certificateArrived)
        case .roles: adoptRoles(message.bytes)
        case .time: adoptTime(message.bytes)
        case .release(let digest): for slot in orderedSlots { slot.manifestArrived(digest, message.bytes) }
        case .blobMap(let blob), .ownBlobMap(configuration.device, let blob):
            for slot in orderedSlots { slot.pull?.mapArrived(blob, message.payload) }
        case .chunk(let blob, let page, let index), .ownChunk(configuration.device, let blob, let page, let index):
            for slot in orderedSlots { slot.pull?.chunkArrived(blob, page: page, index: index, message.payload) }
        default: break
        }
    }

    private func receive<Message: WireMessage>(
        _ message: MQTTMessage, as type: Message.Type, _ body: (Message) -> Void
    ) {
        // An empty retained message is a deleted one.
        guard !message.payload.isEmpty else { return }
        do throws(WireError) { body(try Message(decoding: message.bytes)) } catch {
            note(.problem("\(message.topic): \(error)"))
        }
    }

    // MARK: Desired state

    /// Level, not edge: the newest generation is what counts, and the same one twice is harmless.
    private func pursueAndStore(_ wanted: Desired) {
        guard wanted.generation >= desired?.generation ?? 0 || platform.bugs.contains(.loseGeneration) else { return }
        if wanted != desired {
            desired = wanted
            try? store.put(wanted.encoded(), as: Documents.desired)
            flush()
        }
        pursue(wanted)
        reportSoon()
    }

    func pursue(_ wanted: Desired) {
        for entry in wanted.slots where slots[entry.slot] == nil && slots.count < DeviceLimits.slots {
            makeSlot(entry.slot).start()
        }
        for slot in orderedSlots {
            slot.adopt(wanted.policy)
            let entry = wanted.slots.first { $0.slot == slot.name }
            slot.feed(.desired(entry.map { InstallTarget($0, holds: images.holds) }))
        }
    }

    // MARK: Reports, samples and the log

    private func settle(_ ack: Ack) {
        perform(spooler.acknowledged(ack, at: now()))
        note(.acknowledged(ack))
    }

    func perform(_ actions: [SpoolAction]) {
        for action in actions {
            do throws(DeviceError) {
                switch action {
                case .send(let key):
                    send(key, try store.spooled(key))
                    if platform.bugs.contains(.deleteBeforeAck) { try store.delete(spooled: [key]) }
                case .delete(let keys):
                    try store.delete(spooled: keys)
                    spooler.flushSoon(at: now(), after: configuration.limits.flushDelay)
                }
            } catch {
                note(.problem("\(error)"))
            }
        }
    }

    private func send(_ key: SpoolKey, _ parts: [[UInt8]]) {
        let topic: Topic =
            switch key.stream {
            case .report: .report(configuration.device)
            case .sample: .sample(configuration.device)
            case .log: .log(configuration.device)
            }
        for part in parts {
            client?.publish(
                topic: configuration.topics.text(topic), payload: part, qos: .atLeastOnce, retain: false,
                priority: .telemetry)
        }
    }
}

extension DeviceHost: PullEnvironment {
    package var device: DeviceID { configuration.device }
    package var topics: Topics { configuration.topics }
    package var limits: DeviceLimits { configuration.limits }
    package func soon(_ work: @escaping @Sendable () -> Void) { loop.perform(work) }
    package func tell(_ problem: String) { note(.problem(problem)) }
}

extension InstallTarget {
    /// What an entry asks of a device: of an image's sources the first whose base is held.
    init(_ entry: DesiredSlot, holds: (Digest) -> Bool) {
        let usable = entry.sources.filter { $0.base.map(holds) ?? true }
        self.init(
            release: entry.release, activation: entry.activation, deadline: entry.deadline,
            sources: Dictionary(usable.map { ($0.image, $0.blob) }) { first, _ in first })
    }
}
