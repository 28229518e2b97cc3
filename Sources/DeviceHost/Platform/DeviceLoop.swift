package import MQTTTransport

/// One thread of work with timers, that makes MQTT clients.
package protocol DeviceLoop: AnyObject, Sendable {
    /// Runs `work` after what was handed over before, never at once.
    func perform(_ work: @escaping @Sendable () -> Void)
    /// Runs `work` once, `milliseconds` from now.
    @discardableResult
    func schedule(after milliseconds: Int64, _ work: @escaping @Sendable () -> Void) -> TimerID
    func cancel(_ timer: TimerID)
    /// Makes a client that tells `handler` what happens to it, on this loop.
    func makeLink(
        _ configuration: MQTTConfiguration, handler: @escaping @Sendable (MQTTEvent) -> Void
    ) throws(MQTTError) -> any DeviceLink
}

/// A device's MQTT client, as `MQTTClient` describes it.
package protocol DeviceLink: AnyObject, Sendable {
    func connect()
    func disconnect(flushMilliseconds: Int64)
    func publish(topic: String, payload: [UInt8], qos: QoS, retain: Bool, priority: MQTTPriority)
    func subscribe(_ filters: [String], qos: QoS)
    func unsubscribe(_ filters: [String])
    func setWill(_ will: MQTTWill?)
    func setTLS(_ tls: MQTTTLS)
    /// Whether the broker has turned this client away because of who it is.
    var wasTurnedAway: Bool { get }
}

extension DeviceLink {
    package var wasTurnedAway: Bool { false }
}

extension MQTTLoop: DeviceLoop {
    package func makeLink(
        _ configuration: MQTTConfiguration, handler: @escaping @Sendable (MQTTEvent) -> Void
    ) throws(MQTTError) -> any DeviceLink {
        try makeClient(configuration, handler: handler)
    }
}

extension MQTTClient: DeviceLink {
    package var wasTurnedAway: Bool { statistics.refusedAttempts > 0 }

    package func publish(topic: String, payload: [UInt8], qos: QoS, retain: Bool, priority: MQTTPriority) {
        publish(topic: topic, payload: payload, qos: qos, retain: retain, priority: priority, completion: nil)
    }
}
