import DeviceCore
import FleetModel
import FleetWire
import Testing

@Suite("Where an image comes from")
struct SourceTests {
    private let two = Fixture.release(2)
    private let blob = Fixture.digest(2, 9)
    private let other = Fixture.digest(2, 10)
    private var image: Digest { two.image.digest }
    private let now = Instant(milliseconds: 1000)

    private func target(_ source: Digest?) -> InstallTarget {
        var target = Fixture.target(2)
        target.sources = source.map { [image: $0] } ?? [:]
        return target
    }

    /// A machine that fetches release 2 from a source, and what it did last.
    private func fetching(from source: Digest?) -> (UpdateMachine, [UpdateAction]) {
        var machine = UpdateMachine(state: Fixture.settled, limits: Fixture.limits)
        _ = machine.handle(.started(intact: [Fixture.digest(1, 2)]), at: now)
        _ = machine.handle(.desired(target(source)), at: now)
        let actions = machine.handle(.manifestAccepted(two), at: now)
        return (machine, actions)
    }

    @Test("a named source is fetched instead of the image's own blob")
    func named() {
        #expect(fetching(from: blob).1.contains(.fetchImage(two.image, blob: blob)))
        #expect(fetching(from: nil).1.contains(.fetchImage(two.image, blob: image)))
    }

    @Test("a source that fails is left for the full image at once, without a failed attempt, and never tried again")
    func fallsBack() throws {
        for event: UpdateEvent in [
            .fetchFailed(release: two.release, .fetchTimedOut, detail: "late"),
            .verifyFailed(image: image, .wrongDigest, detail: "other bytes"),
        ] {
            var machine = fetching(from: blob).0
            if case .verifyFailed = event { _ = machine.handle(.fetchFinished(image: image), at: now) }
            let actions = machine.handle(event, at: now)
            #expect(actions.contains(.fetchImage(two.image, blob: image)))
            #expect(machine.state.attempts == 0)
            #expect(machine.state.detail.hasPrefix("the full image instead of blob \(blob.short): "))
            // Written and read, it is still known to be spent.
            var again = UpdateMachine(
                state: try SlotState(decoding: machine.state.encoded()), limits: Fixture.limits)
            let resumed = again.handle(.started(intact: [Fixture.digest(1, 2)]), at: now)
            #expect(resumed.contains(.fetchImage(two.image, blob: image)))
        }
    }

    @Test("the full image failing counts as an attempt")
    func fullFails() {
        var machine = fetching(from: blob).0
        let failed = UpdateEvent.fetchFailed(release: two.release, .fetchTimedOut, detail: "late")
        _ = machine.handle(failed, at: now)
        _ = machine.handle(failed, at: now)
        #expect(machine.state.attempts == 1)
    }

    @Test("another source while fetching is taken up; without a change nothing begins anew")
    func adopted() {
        var machine = fetching(from: nil).0
        let actions = machine.handle(.desired(target(blob)), at: now)
        #expect(actions.contains(.stopFetching))
        #expect(actions.contains(.fetchImage(two.image, blob: blob)))
        #expect(machine.handle(.desired(target(blob)), at: now).isEmpty)
    }

    @Test("an installation that has failed is not begun again because its image can be had otherwise")
    func failed() {
        var machine = fetching(from: nil).0
        _ = machine.handle(.fetchFinished(image: image), at: now)
        _ = machine.handle(.verifyFailed(image: image, .malformedImage, detail: "no image"), at: now)
        #expect(machine.state.phase == .failed)
        #expect(machine.handle(.desired(target(blob)), at: now) == [.store])
        #expect(machine.state.phase == .failed)
    }

    @Test("the memory of spent sources is bounded, the oldest going first")
    func bounded() {
        var machine = fetching(from: blob).0
        for number in UInt8(20)..<40 {
            _ = machine.handle(.desired(target(Fixture.digest(number, 9))), at: now)
            _ = machine.handle(.fetchFailed(release: two.release, .fetchTimedOut, detail: ""), at: now)
        }
        #expect(machine.state.spent.count == UpdateLimits.spentKept)
        #expect(machine.state.spent.last == Fixture.digest(39, 9))
    }
}
