import FleetModel
public import FleetWire
import Sketches

extension Report {
    /// One report over both intervals, under the later one's key; nil if they do not speak of one release in one slot.
    /// Reports merge by addition: what is lost is resolution in time.
    public func merged(into later: Report) -> Report? {
        guard slot == later.slot, release == later.release, image == later.image, version == later.version,
            features.count == later.features.count, predictions.count == later.predictions.count
        else { return nil }
        var sum = later
        sum.start = min(start, later.start)
        sum.end = max(end, later.end)
        sum.inferences += inferences
        sum.errors += errors
        sum.uncertain += uncertain
        do {
            for index in features.indices { try sum.features[index].merge(features[index]) }
        } catch {
            return nil
        }
        for index in predictions.indices { sum.predictions[index] += predictions[index] }
        sum.confidence.merge(confidence)
        sum.margin.merge(margin)
        sum.latency.merge(latency)
        sum.samplesOffered += samplesOffered
        sum.samplesChosen += samplesChosen
        sum.samplesDropped += samplesDropped
        sum.reportsDropped += reportsDropped
        return sum
    }

    /// The two of these reports, oldest first, that are best made one: neighbours of one release whose common interval is
    /// the shortest, the oldest of equals. So a spool that fills for weeks grows evenly coarser.
    public static func pairToMerge(_ reports: [Report]) -> (earlier: Int, later: Int)? {
        var best: (earlier: Int, later: Int)?
        var shortest = Int64.max
        var lastOfSlot: [SlotName: Int] = [:]
        for (index, report) in reports.enumerated() {
            defer { lastOfSlot[report.slot] = index }
            guard let before = lastOfSlot[report.slot], reports[before].release == report.release else { continue }
            let span = report.end.since(reports[before].start).milliseconds
            guard span < shortest else { continue }
            shortest = span
            best = (before, index)
        }
        return best
    }
}
