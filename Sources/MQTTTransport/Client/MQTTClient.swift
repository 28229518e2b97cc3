import Synchronization

/// One MQTT client. Every method may be called from any thread, and from handlers; each returns at once, and what it
/// asks for happens on the loop's thread. Letting go of the last reference closes the client without a goodbye.
public final class MQTTClient: Sendable {
    private let core: LoopCore
    private let driver: ClientDriver

    init(
        core: LoopCore, configuration: MQTTConfiguration, handler: @escaping @Sendable (MQTTEvent) -> Void
    ) throws(MQTTError) {
        self.core = core
        driver = try ClientDriver(core: core, configuration: configuration, handler: handler)
        core.performNowIfOnLoop { [core, driver] in core.drivers[ObjectIdentifier(driver)] = driver }
    }

    deinit {
        core.perform { [driver] in driver.destroy() }
    }

    /// The client id that the broker knows.
    public var clientID: String { driver.configuration.clientID }

    /// Connects, and from then on reconnects with backoff until `disconnect`.
    public func connect() {
        core.perform { [driver] in driver.handle(.connect) }
    }

    /// Queues a message. It waits while there is no connection, within the outbox's limits.
    ///
    /// - Parameters:
    ///   - priority: who may push whom aside when the outbox is full; more important messages also leave first.
    ///   - completion: told once, on the loop's thread, what became of the message.
    public func publish(
        topic: String, payload: [UInt8], qos: QoS, retain: Bool = false, priority: MQTTPriority = .telemetry,
        completion: (@Sendable (PublishResult) -> Void)? = nil
    ) {
        driver.enqueue(
            OutgoingMessage(
                topic: topic, payload: payload, qos: qos, retain: retain, priority: priority, completion: completion))
    }

    /// Subscribes now and after every reconnect. The broker's answer arrives as `.subscribed` or `.refused`.
    /// Asking again for a filter makes the broker send its retained messages again.
    public func subscribe(_ filters: [String], qos: QoS) {
        core.perform { [driver] in driver.subscribe(filters, qos: qos) }
    }

    /// Ends subscriptions. Messages that are under way may still arrive.
    public func unsubscribe(_ filters: [String]) {
        core.perform { [driver] in driver.unsubscribe(filters) }
    }

    /// Replaces the last will from the next connection on.
    public func setWill(_ will: MQTTWill?) {
        core.perform { [driver] in driver.will = will }
    }

    /// Names the files that the next connection uses; this one goes on. For certificates that were renewed.
    public func setTLS(_ tls: MQTTTLS) {
        core.perform { [driver] in driver.setTLS(tls) }
    }

    /// Says goodbye, so that the broker does not publish the last will, and stays away until `connect`.
    ///
    /// - Parameter flushMilliseconds: how long to wait for the outbox to empty and for acknowledgements, 0: not at all.
    public func disconnect(flushMilliseconds: Int64 = 1000) {
        core.perform { [driver] in driver.disconnect(flushMilliseconds: flushMilliseconds) }
    }

    /// What this client has done since it was made.
    public var statistics: MQTTStatistics { driver.statistics }
}
