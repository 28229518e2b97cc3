import FleetClient
import FleetModel
import Foundation
import FrameSource
import VirtualFleet

/// What the demo measured; `summary.json` has the same keys.
struct Summary {
    struct Seconds {
        var build = 0.0
        var train = 0.0
        var pushV1 = 0.0
        var loop = 0.0
        var total = 0.0
    }

    struct Accuracy {
        var leftV1 = Double.nan
        var leftV2 = Double.nan
        var rightV1 = Double.nan
        var rightV2 = Double.nan
    }

    var devices = 0
    var receiptsV1 = 0
    var receiptsV2 = 0
    /// Left is the drifted side of the demo, right the steady one.
    var accuracy = Accuracy()
    var alertsLeft = 0
    var alertsRight = 0
    var driftedDevices = 0
    var labelsUsed = 0
    var samplesReceived = 0
    var reportsReceived = 0
    var duplicates = 0
    var bytesPublished = 0
    var bytesPerDevice = 0
    var webhooks = 0
    var seconds = Seconds()
    /// What devices were told is committed and the database does not hold exactly once.
    var ledgerProblems: [String] = []

    /// Every claim that did not come true.
    func problems(for loop: LoopDescription) -> [String] {
        var problems = ledgerProblems
        let expect = loop.expectations
        func claim(_ isTrue: Bool, _ text: String) {
            if !isTrue { problems.append(text) }
        }
        claim(receiptsV1 == devices, "\(receiptsV1) of \(devices) devices hold a receipt for version 1")
        claim(receiptsV2 == devices, "\(receiptsV2) of \(devices) devices hold a receipt for version 2")
        claim(labelsUsed <= loop.annotationLimit, "\(labelsUsed) annotations were used")
        if expect.drifted != nil {
            claim(alertsLeft == driftedDevices, "\(alertsLeft) of \(driftedDevices) drifted devices alerted")
            claim(webhooks > 0, "no webhook arrived")
        }
        if expect.steady != nil { claim(alertsRight == 0, "\(alertsRight) steady devices alerted") }
        if let bound = expect.driftedBefore {
            claim(
                accuracy.leftV1 < bound, "drifted accuracy was \(Self.text(accuracy.leftV1)) before, not below \(bound)"
            )
        }
        if let bound = expect.driftedAfter {
            claim(accuracy.leftV2 >= bound, "drifted accuracy is \(Self.text(accuracy.leftV2)) after, not \(bound)")
        }
        if let bound = expect.steadyFall {
            claim(
                accuracy.rightV1 - accuracy.rightV2 <= bound,
                "steady accuracy fell from \(Self.text(accuracy.rightV1)) to \(Self.text(accuracy.rightV2))")
        }
        return problems
    }

    func isTrue(for loop: LoopDescription) -> Bool { problems(for: loop).isEmpty }

    func verdict(for loop: LoopDescription) throws {
        let problems = problems(for: loop)
        guard problems.isEmpty else { throw DemoError.notTrue(problems) }
    }

    var json: JSONValue {
        func number(_ value: Double) -> JSONValue {
            value.isFinite ? .number((value * 10_000).rounded() / 10_000) : .null
        }
        func count(_ value: Int) -> JSONValue { .number(Double(value)) }
        return [
            "devices": count(devices), "receipts_v1": count(receiptsV1), "receipts_v2": count(receiptsV2),
            "accuracy": [
                "left_v1": number(accuracy.leftV1), "left_v2": number(accuracy.leftV2),
                "right_v1": number(accuracy.rightV1), "right_v2": number(accuracy.rightV2),
            ],
            "alerts": ["left": count(alertsLeft), "right": count(alertsRight)], "labels_used": count(labelsUsed),
            "samples_received": count(samplesReceived), "reports_received": count(reportsReceived),
            "duplicates": count(duplicates), "bytes_published": count(bytesPublished),
            "bytes_per_device": count(bytesPerDevice), "webhooks": count(webhooks),
            "seconds": [
                "build": number(seconds.build), "train": number(seconds.train), "push_v1": number(seconds.pushV1),
                "loop": number(seconds.loop), "total": number(seconds.total),
            ],
        ]
    }

    /// The closing table.
    func table(for loop: LoopDescription) -> [String] {
        var lines = [
            "devices with a receipt    version 1: \(receiptsV1) of \(devices)    version 2: \(receiptsV2) of \(devices)"
        ]
        if loop.expectations.judgedDrifted != nil {
            lines += [
                "accuracy on devices that no model has seen     version 1   version 2",
                "  drifted (\(loop.expectations.judgedDrifted?.description ?? ""))".padded(47)
                    + "\(Self.text(accuracy.leftV1))        \(Self.text(accuracy.leftV2))",
                "  steady  (\(loop.expectations.judgedSteady?.description ?? ""))".padded(47)
                    + "\(Self.text(accuracy.rightV1))        \(Self.text(accuracy.rightV2))",
                "drift alerts              drifted devices: \(alertsLeft) of \(driftedDevices)    steady devices: \(alertsRight)",
            ]
        }
        return lines + [
            "annotations used          \(labelsUsed) (at most \(loop.annotationLimit))",
            "received exactly once     \(reportsReceived) reports, \(samplesReceived) samples (\(duplicates) repeats turned away)",
            "published                 \(bytesPublished) bytes, \(bytesPerDevice) per device",
            "webhooks delivered        \(webhooks)",
            "seconds                   train \(Self.text(seconds.train)), first rollout \(Self.text(seconds.pushV1)), "
                + "loop \(Self.text(seconds.loop)), total \(Self.text(seconds.total))",
        ]
    }

    static func text(_ value: Double?) -> String {
        guard let value, value.isFinite else { return "–" }
        return String(format: value >= 10 ? "%.1f" : "%.2f", value)
    }
}

extension String {
    /// Filled with spaces to a width.
    func padded(_ width: Int) -> String { padding(toLength: max(width, count), withPad: " ", startingAt: 0) }
}
