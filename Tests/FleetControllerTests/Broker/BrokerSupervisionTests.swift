import FleetModel
import MQTTTransport
import Testing

@testable import FleetController

@Suite("Watching the broker")
struct BrokerSupervisionTests {
    private func supervision() -> BrokerSupervision {
        BrokerSupervision(
            policy: BackoffPolicy(firstMilliseconds: 1000, maximumMilliseconds: 8000), seed: 1, now: .epoch)
    }

    private func at(_ seconds: Int64) -> Instant { Instant(milliseconds: seconds * 1000) }

    @Test("a healthy broker is asked every ten seconds")
    func healthy() {
        var supervision = supervision()
        var asked: [Int64] = []
        for second in 0...35 as ClosedRange<Int64> {
            if supervision.handle(.looked(isAlive: true), at: at(second)) == .probe {
                asked.append(second)
                #expect(supervision.handle(.probed(answered: true), at: at(second)) == nil)
            }
        }
        #expect(asked == [10, 20, 30])
    }

    @Test("a hung broker is asked three times in quick succession, then ended")
    func hung() {
        var supervision = supervision()
        var ended: Int64?
        for second in 0...20 as ClosedRange<Int64> where ended == nil {
            guard supervision.handle(.looked(isAlive: true), at: at(second)) == .probe else { continue }
            if supervision.handle(.probed(answered: false), at: at(second)) == .kill { ended = second }
        }
        #expect(ended == 12)
    }

    @Test("one answer makes earlier silence forgotten")
    func recovered() {
        var supervision = supervision()
        for answered in [false, false, true, false, false] {
            #expect(supervision.handle(.probed(answered: answered), at: at(1)) == nil)
        }
    }

    @Test("a broker that does not start is tried at growing intervals, and a success starts them anew")
    func launching() {
        var supervision = supervision()
        var launches: [Int64] = []
        var now: Int64 = 0
        while launches.count < 8 {
            if supervision.handle(.looked(isAlive: false), at: Instant(milliseconds: now)) == .launch {
                launches.append(now)
                _ = supervision.handle(.launched(succeeded: false), at: Instant(milliseconds: now))
            }
            now += 50
        }
        let pauses = zip(launches.dropFirst(), launches).map { $0 - $1 }
        #expect((500...1050).contains(launches[0]))
        #expect(pauses[0] >= 1000 && pauses.allSatisfy { $0 <= 8050 })
        #expect(pauses.suffix(3).allSatisfy { $0 >= 4000 })

        _ = supervision.handle(.launched(succeeded: true), at: Instant(milliseconds: now))
        _ = supervision.handle(.probed(answered: true), at: Instant(milliseconds: now))
        #expect(supervision.handle(.looked(isAlive: false), at: Instant(milliseconds: now)) == nil)
        #expect(supervision.handle(.looked(isAlive: false), at: Instant(milliseconds: now + 1000)) == .launch)
    }
}
