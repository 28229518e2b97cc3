import Testing

/// Bugs that a simulation plants stay in the simulation.
@Suite struct PlantedBugTests {
    @Test("VirtualFleet alone plants bugs: agent and controller cannot be told to have one")
    func planted() throws {
        for source in try Repository.productSources() where !source.path.hasPrefix("firmware-sim/VirtualFleet/") {
            for (index, line) in source.code.enumerated()
            where line.contains("bugs: .") || line.contains("bugs: [.") || line.contains("PlantedBugs(") {
                Issue.record("\(source.path):\(index + 1): \(line)")
            }
        }
    }

    @Test("a bug can only be named within the package")
    func visibility() throws {
        for source in try Repository.productSources() where source.path.hasPrefix("Sources/") {
            for (index, line) in source.code.enumerated()
            where line.contains("public") && line.contains("PlantedBugs") {
                Issue.record("\(source.path):\(index + 1): \(line)")
            }
        }
    }
}
