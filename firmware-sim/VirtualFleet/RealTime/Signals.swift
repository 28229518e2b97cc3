import Dispatch
import Foundation

/// Waiting for somebody to end the program.
public enum Signals {
    /// Returns at SIGTERM or SIGINT.
    public static func termination() async {
        let sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            return DispatchSource.makeSignalSource(signal: number, queue: .global())
        }
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let once = Once { continuation.resume() }
            for source in sources {
                source.setEventHandler { once.run() }
                source.activate()
            }
        }
        for source in sources { source.cancel() }
    }
}
