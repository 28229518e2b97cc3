public import FleetModel

/// Which wave a device belongs to.
///
/// Devices are ranked by a hash of rollout and device: the order is arbitrary but fair, the same on every computation, and
/// another one in the next rollout, so that the canaries are not always the same devices. Each wave in turn takes devices
/// that its selector matches, by rank, until the waves so far hold its cumulative share of the fleet (rounded up: a share
/// above nothing is at least one device). Devices that no wave takes are outside of the rollout.
public enum WaveAssignment {
    /// Wave indices by device; devices outside of the rollout are absent.
    public static func waves(_ waves: [Wave], rollout: String, devices: [RolloutCandidate]) -> [DeviceID: Int] {
        var left = devices.sorted {
            (rank($0.device, rollout: rollout), $0.device) < (rank($1.device, rollout: rollout), $1.device)
        }
        var assigned: [DeviceID: Int] = [:]
        for (index, wave) in waves.enumerated() {
            var quota = quota(wave.cumulativeShare, of: devices.count) - assigned.count
            left.removeAll { candidate in
                guard quota > 0, wave.selector.matches(candidate.device, tags: candidate.tags) else { return false }
                quota -= 1
                assigned[candidate.device] = index
                return true
            }
        }
        return assigned
    }

    /// `share` of `count`, rounded up; a billionth is forgiven, so that 7 % of 100 is 7.
    static func quota(_ share: Double, of count: Int) -> Int {
        let exact = min(max(share, 0), 1) * Double(count) - 1e-9
        guard exact > 0 else { return 0 }
        let whole = Int(exact)
        return Double(whole) < exact ? whole + 1 : whole
    }

    /// FNV-1a (Fowler, Noll, Vo) of both names, mixed by the finaliser of SplitMix64 (Steele et al. 2014).
    static func rank(_ device: DeviceID, rollout: String) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in Array(rollout.utf8) + [0] + Array(device.text.utf8) {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
        }
        hash = (hash ^ (hash >> 30)) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ (hash >> 27)) &* 0x94D0_49BB_1331_11EB
        return hash ^ (hash >> 31)
    }
}
