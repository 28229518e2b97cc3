import FleetModel

/// The questions of the local API that are Martlet's own, below `/martlet/v1`:
///
/// - `GET status`: slots, connection, spool and storage;
/// - `GET journal`, `journal/{count}`, `journal/input/{sha256}`: which release judged which input, newest first;
/// - `POST lot-boundary`, `lot-boundary/{slot}`: the application stands between two lots;
/// - `POST rollback`, `rollback/{slot}`: back to the release before.
struct DeviceAPI {
    unowned let host: DeviceHost

    /// Journal entries if nobody says how many.
    private static let journalDefault = 100

    func answer(_ request: HTTPRequest, _ path: [String]) -> HTTPResponse {
        switch (path.first, path.count) {
        case ("status", 1): return request.reading { status }
        case ("journal", _): return request.reading { journal(Array(path.dropFirst()), request) }
        case ("lot-boundary", 1...2):
            return request.writing { onSlots(path.dropFirst().first) { host.lotBoundary(slot: $0) } }
        case ("rollback", 1...2): return request.writing { rollBack(path.dropFirst().first) }
        default: return .failure(404, "no such resource: \(request.path)")
        }
    }

    // MARK: Doing

    /// The named slot, or all that hold models; nil if there is no such slot.
    private func slots(_ name: String?) -> [SlotName]? {
        let all = host.orderedSlots.map(\.name)
        guard let name else { return all.filter { $0 != .agent } }
        return all.first { $0.text == name }.map { [$0] }
    }

    private func onSlots(_ name: String?, _ body: (SlotName) -> Void) -> HTTPResponse {
        guard let slots = slots(name) else { return .failure(404, "no slot \(name ?? "") here") }
        for slot in slots { body(slot) }
        return HTTPResponse(status: 200)
    }

    private func rollBack(_ name: String?) -> HTTPResponse {
        guard let slots = slots(name) else { return .failure(404, "no slot \(name ?? "") here") }
        let isBack = slots.map { host.rollBack(slot: $0) }
        guard isBack.contains(true) else {
            return .failure(409, "there is no release before this one that it lets the device return to")
        }
        return HTTPResponse(status: 200)
    }

    // MARK: Looking

    private func journal(_ path: [String], _ request: HTTPRequest) -> HTTPResponse {
        var count = Self.journalDefault
        var input: Digest?
        switch (path.first, path.count) {
        case (nil, 0): break
        case ("input", 2):
            guard let digest = Digest(hex: path[1]) else {
                return .failure(400, "'\(path[1])' is not 64 hexadecimal characters")
            }
            input = digest
        case (let text?, 1):
            guard let number = Int(text), (1...DeviceLimits.journalAnswer).contains(number) else {
                return .failure(400, "'\(text)' is not a number from 1 to \(DeviceLimits.journalAnswer)")
            }
            count = number
        default: return .failure(404, "no such resource: \(request.path)")
        }
        do throws(DeviceError) {
            return .json(.array(try host.journal(last: count, input: input).map(\.json)))
        } catch {
            return .failure(500, error.context)
        }
    }

    private var status: HTTPResponse {
        let spooled = host.spooled
        let health = host.health
        return .json(
            .object([
                "device": .string(host.configuration.device.text), "connected": .bool(host.isConnected),
                "slots": .array(host.status.map(slot)), "spooled_reports": .number(Double(spooled.reports)),
                "spooled_samples": .number(Double(spooled.samples)), "spooled_log": .number(Double(spooled.log)),
                "health": .object([
                    "read_only": .bool(health.isReadOnly), "store_problem": .string(health.storeProblem),
                    "reports_merged": .number(Double(health.spool.reportsMerged)),
                    "reports_dropped": .number(Double(health.spool.reportsDropped)),
                    "samples_dropped": .number(Double(health.spool.samplesDropped)),
                    "log_lines_dropped": .number(Double(health.spool.logLinesDropped)),
                    "journal_entries": health.journal.map { .number(Double($0)) },
                ]),
            ]))
    }

    private func slot(_ slot: SlotStatus) -> JSON {
        .object([
            "slot": .string(slot.slot.text), "phase": .string(slot.phase.rawValue),
            "failure": slot.failure.map { .string($0.rawValue) }, "detail": .string(slot.detail),
            "target": slot.target.map { .string($0.hex) }, "version": slot.serving.map { .string("\($0)") },
            "release": slot.release.map { .string($0.hex) }, "image": slot.image.map { .string($0.hex) },
        ])
    }
}
