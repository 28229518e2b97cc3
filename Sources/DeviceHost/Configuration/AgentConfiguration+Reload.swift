/// What of an agent's configuration can change while it runs.
extension AgentConfiguration {
    /// Keys whose new value takes effect only after a restart.
    func keysThatNeedRestart(comparedWith new: AgentConfiguration) -> [String] {
        var keys: [String] = []
        func note(_ key: String, _ isSame: Bool) { if !isSame { keys.append(key) } }
        note("identity", device.device == new.device.device && device.rootKey == new.device.rootKey)
        note("identity", device.tls == new.device.tls || keys.contains("identity"))
        note("data", device.folder == new.device.folder)
        note("broker_host", device.brokerHost == new.device.brokerHost)
        note("broker_port", device.brokerPort == new.device.brokerPort)
        note("topic_prefix", device.topics == new.device.topics)
        note("hardware", device.hardware == new.device.hardware)
        note("tags", device.tags == new.device.tags)
        note("socket, port", listen == new.listen)
        return keys
    }

    /// Takes over what is in force from now on.
    mutating func adopt(from new: AgentConfiguration) {
        device.limits = new.device.limits
        logsProgress = new.logsProgress
    }
}
