public import FleetModel

/// Whether a manifest makes sense in itself: signatures say who wrote it, not that the device can use it.
public enum ManifestCheck {
    /// The first thing that is wrong, for people; nil if nothing is.
    public static func fault(in manifest: ReleaseManifest) -> String? {
        guard manifest.format == ReleaseManifest.currentFormat else { return "manifest format \(manifest.format)" }
        guard !manifest.parts.isEmpty else { return "a release without parts" }
        let slots = Set(manifest.parts.map(\.slot))
        guard slots.count == manifest.parts.count else { return "two parts for one slot" }
        let versions = Set(manifest.parts.map(\.version))
        for dependency in manifest.dependencies
        where versions.contains(dependency.version) && !versions.contains(dependency.requires) {
            return "\(dependency.version) needs \(dependency.requires), which is not in the release"
        }
        if manifest.parts.contains(where: \.isAgent) { return agentFault(in: manifest) }
        return manifest.parts.lazy.compactMap { part in fault(in: part).map { "slot \(part.slot): \($0)" } }.first
    }

    /// A program runs on one kind of machine, so its release must name it.
    private static func agentFault(in manifest: ReleaseManifest) -> String? {
        guard manifest.parts.count == 1, let part = manifest.parts.first else { return "an agent beside other parts" }
        guard part.slot == .agent else { return "an agent in slot \(part.slot)" }
        guard !manifest.compatibility.hardware.isEmpty else { return "an agent for no hardware in particular" }
        return part.image.bytes > 0 && part.image.arenaBytes == 0 ? nil : "an agent that is an image"
    }

    static func fault(in part: ReleasePart) -> String? {
        guard part.slot != .agent else { return "a model in the agent's slot" }
        // Thresholds of another version are the classic mix-and-match.
        guard part.thresholds.derivedFrom == part.version else {
            return "thresholds of \(part.thresholds.derivedFrom) with \(part.version)"
        }
        guard !part.classes.isEmpty else { return "no classes" }
        guard part.image.bytes > 0, part.image.arenaBytes >= 0 else { return "an empty image" }
        return inputFault(in: part) ?? baselineFault(in: part) ?? goldenFault(in: part)
    }

    private static func inputFault(in part: ReleasePart) -> String? {
        let input = part.input
        guard input.steps > 0, input.width > 0 else { return "an empty frame" }
        let channels = input.kind == .image ? 1 : input.width
        guard input.channels.count == channels else {
            return "\(input.channels.count) channels for a frame of \(channels)"
        }
        let normalisation = part.normalisation
        guard normalisation.offset.count == channels, normalisation.scale.count == channels else {
            return "normalisation of \(normalisation.offset.count) channels, not \(channels)"
        }
        guard normalisation.offset.allSatisfy(\.isFinite),
            normalisation.scale.allSatisfy({ $0.isFinite && $0 != 0 })
        else { return "normalisation by 0 or by what is not a number" }
        return nil
    }

    private static func baselineFault(in part: ReleasePart) -> String? {
        for feature in part.baseline.features {
            guard part.input.channels.indices.contains(feature.channel) else {
                return "a baseline of channel \(feature.channel)"
            }
            guard !feature.counts.isEmpty, feature.edges.count == feature.counts.count + 1 else {
                return "\(feature.edges.count) edges for \(feature.counts.count) bins"
            }
            guard feature.edges.allSatisfy(\.isFinite), zip(feature.edges, feature.edges.dropFirst()).allSatisfy(<=)
            else { return "edges that do not rise" }
        }
        let predictions = part.baseline.predictions.counts
        guard predictions.isEmpty || predictions.count == part.classes.count else {
            return "\(predictions.count) prediction counts for \(part.classes.count) classes"
        }
        return nil
    }

    private static func goldenFault(in part: ReleasePart) -> String? {
        let golden = part.golden
        guard !golden.inputs.isEmpty, golden.inputs.count == golden.outputs.count else {
            return "\(golden.inputs.count) golden inputs, \(golden.outputs.count) golden outputs"
        }
        guard golden.inputs.allSatisfy({ $0.count == part.input.valueCount }) else {
            return "a golden input of another size"
        }
        guard golden.outputs.allSatisfy({ $0.count == part.classes.count }) else {
            return "a golden output of another size"
        }
        guard golden.tolerance >= 0, golden.tolerance.isFinite else { return "tolerance \(golden.tolerance)" }
        return nil
    }
}
