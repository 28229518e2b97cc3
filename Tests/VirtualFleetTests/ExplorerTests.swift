import FleetModel
import Testing

@testable import VirtualFleet

/// One fixture for all tests: making it takes a second. The thousands of worlds are run in release by `scripts/test
/// worlds`; these few are here for what only a test can look at.
private let explorer = Task { try await Explorer() }

@Suite(.serialized) struct ExplorerTests {
    @Test("a world holds what it promises, and nothing forbidden happens in it")
    func size() async throws {
        let explorer = try await explorer.value
        let outcome = await explorer.replay(5)
        for violation in outcome.violations { Issue.record("\(violation)") }
        #expect(outcome.reports >= 50)
        #expect(outcome.commits >= 40)
        for seed in 0..<200 as Range<UInt64> {
            let plan = WorldPlan(seed: seed)
            #expect(plan.rollouts.count == 3)
            #expect(plan.faults.count >= 5)
            #expect(plan.rollouts.last?.selector == .all)
        }
        for release in explorer.fixture.releases.values { #expect(release.retainedMessages().count >= 34) }
    }

    @Test("seeds that once found something find nothing", arguments: [57, 59, 68, 836] as [UInt64])
    func found(seed: UInt64) async throws {
        let outcome = await (try await explorer.value).replay(seed)
        for violation in outcome.violations { Issue.record("\(violation)") }
    }

    @Test("the same seed gives the same world, step by step")
    func determinism() async throws {
        let explorer = try await explorer.value
        let first = await explorer.replay(3)
        let second = await explorer.replay(3)
        #expect(first.fingerprint == second.fingerprint)
        #expect(first.trace == second.trace)
        #expect(first.trace.count > 100)
    }

    @Test("a world is gone when it is over")
    func memory() async throws {
        let explorer = try await explorer.value
        weak var world: World?
        do {
            let living = World(seed: 1, plan: WorldPlan(seed: 1), fixture: explorer.fixture)
            world = living
            _ = await living.run()
        }
        #expect(world == nil)
    }

    @Test("a planted bug is seen", arguments: [Mutation.oneSignature, .deleteBeforeAck, .countTwice])
    func mutations(mutation: Mutation) async throws {
        let summary = await (try await explorer.value).with(mutation).explore(0..<60, stopsAtFirst: true)
        #expect(summary.violations >= 1)
    }
}
