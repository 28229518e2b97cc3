import FleetModel

/// What `martlet-agent journal` prints.
public enum JournalReport {
    /// Reads the journal of the data folder that options name, whether the agent runs or not.
    public static func read(_ options: AgentOptions) throws(DeviceError) -> String {
        let folder = try AgentPaths(options).data
        var input: Digest?
        if let text = options.input {
            guard let digest = Digest(hex: text) else {
                throw DeviceError(.invalidConfiguration, "--input: '\(text)' is not 64 hexadecimal characters")
            }
            input = digest
        }
        let path = "\(folder)/\(DeviceHost.journalName)"
        guard SystemFiles().exists(path) else {
            throw DeviceError(.fileFailed, "\(path) is not there: nothing was inferred yet, or journal_records is 0")
        }
        let entries = try Journal.last(options.last, input: input, path: path, files: SystemFiles())
        if options.isJSON { return String(decoding: JSON.array(entries.map(\.json)).encoded, as: UTF8.self) }
        let head = "number  time_ms  slot  release  image  input  outcome  class  confidence  latency_us"
        return ([head] + entries.map(line)).joined(separator: "\n")
    }

    private static func line(_ entry: JournalEntry) -> String {
        [
            "\(entry.number)", "\(entry.time.milliseconds)", entry.slot, entry.release.hex, entry.image.hex,
            entry.input.hex, entry.outcome.name, "\(entry.classIndex)", "\(entry.confidence)", "\(entry.latency)",
        ].joined(separator: "  ")
    }
}
