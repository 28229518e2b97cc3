import ModelImage
import OperatorInterface

/// How elements of a resized axis come from those that were there: ONNX's Resize for one axis.
///
/// As attribute words: the axis's extent, the size it gets, taps, ``ResampleMode``, ``ResampleCoordinates``,
/// ``NearestMode``, 1 for antialiasing, 1 to leave out what lies outside, and the cubic coefficient as a float. With as
/// many taps as the extent each weight belongs to the element of its number; else taps are consecutive elements.
struct ResampleRule {
    let extent: Int
    let size: Int
    let taps: Int
    private let mode: ResampleMode
    private let coordinates: ResampleCoordinates
    private let nearest: NearestMode
    private let isSmooth: Bool
    private let excludesOutside: Bool
    private let cubic: Double

    init(_ context: OperatorContext) throws(ImageError) {
        extent = try context.word(0, in: 1...ImageLimits.elements)
        size = try context.word(1, in: 1...ImageLimits.elements)
        taps = try context.word(2, in: 1...max(extent, 4))
        guard let mode = ResampleMode(rawValue: Int32(try context.word(3))),
            let coordinates = ResampleCoordinates(rawValue: Int32(try context.word(4))),
            let nearest = NearestMode(rawValue: Int32(try context.word(5)))
        else { throw ImageError(.badAttribute, .operation(context.index), "unknown way of resampling") }
        self.mode = mode
        self.coordinates = coordinates
        self.nearest = nearest
        isSmooth = try context.word(6, in: 0...1) == 1
        excludesOutside = try context.word(7, in: 0...1) == 1
        cubic = Double(try context.float(8))
    }

    /// Writes the places and weights of one element of the result.
    func fill(
        _ position: Int, _ scale: Double, _ region: (Double, Double), _ places: UnsafeMutablePointer<Int32>,
        _ weights: UnsafeMutablePointer<Double>
    ) {
        let origin = mode == .nearest ? boundary(position, scale, region) : origin(Double(position), scale, region)
        let isOutside = coordinates == .cropAndResize && !(origin >= 0 && origin <= Double(extent - 1))
        if isOutside || mode == .nearest {
            for tap in 0..<taps { (places[tap], weights[tap]) = (-1, 0) }
            if !isOutside { (places[0], weights[0]) = (Int32(inside(nearest.round(origin))), 1) }
            return
        }
        // A whole number of elements is taken as the next smaller one and a distance of one, as in the specification.
        let below = origin.rounded(.down)
        let spread = isSmooth ? min(1, max(scale, 1 / Double(extent))) : 1
        let reach = mode == .cubic ? 2.0 : 1
        let first = (-reach / spread).rounded(.down) + 1
        let steps = Int(Int64(saturating: 2 - 2 * first))
        for tap in 0..<taps { (places[tap], weights[tap]) = (0, 0) }
        var total = 0.0
        for step in 0..<steps {
            let offset = first + Double(step)
            let place = below + offset
            if excludesOutside, place < 0 || place > Double(extent - 1) { continue }
            let weight = weight((offset - (origin - below)) * spread)
            total += weight
            let slot = taps == extent ? inside(place) : step
            guard slot < taps else { break }
            if taps != extent { places[slot] = Int32(inside(place)) }
            weights[slot] += weight
        }
        if taps == extent { for tap in 0..<taps { places[tap] = Int32(tap) } }
        if total != 0 { for tap in 0..<taps { weights[tap] /= total } }
    }

    private func inside(_ place: Double) -> Int {
        Int(Int64(saturating: max(0, min(place, Double(extent - 1)))))
    }

    /// Where an element of the result lies, for a choice of the nearest: in single precision, as ONNX Runtime computes it.
    /// On a boundary between two elements the last bit decides which one it is, and models were exported to match.
    private func boundary(_ position: Int, _ scale: Double, _ region: (Double, Double)) -> Double {
        let (position, width, factor) = (Float(position), scale * Double(extent), Float(scale))
        switch coordinates {
        case .asymmetric: return Double(position / factor)
        case .halfPixel: return Double((position + 0.5) / factor - 0.5)
        case .pytorchHalfPixel: return width == 1 ? -0.5 : Double((position + 0.5) / factor - 0.5)
        case .halfPixelForNearest: return Double((position + 0.5) / factor)
        case .alignCorners, .cropAndResize, .halfPixelSymmetric:
            return origin(Double(position), scale, region)
        }
    }

    /// Where an element of the result lies among the elements that were there.
    private func origin(_ position: Double, _ scale: Double, _ region: (Double, Double)) -> Double {
        let last = Double(extent - 1)
        let width = scale * Double(extent)
        switch coordinates {
        case .halfPixel: return (position + 0.5) / scale - 0.5
        case .pytorchHalfPixel: return width == 1 ? -0.5 : (position + 0.5) / scale - 0.5
        case .halfPixelSymmetric:
            return Double(extent) / 2 * (1 - Double(size) / width) + (position + 0.5) / scale - 0.5
        case .asymmetric: return position / scale
        case .alignCorners: return width == 1 ? 0 : position * last / (width - 1)
        case .cropAndResize:
            let length = (region.1 - region.0) * last
            return region.0 * last + (width == 1 ? length / 2 : position * length / (width - 1))
        case .halfPixelForNearest: return (position + 0.5) / scale
        }
    }

    /// The kernel at a distance.
    private func weight(_ distance: Double) -> Double {
        let x = distance.magnitude
        if mode == .linear { return max(0, 1 - x) }
        if x <= 1 { return ((cubic + 2) * x - (cubic + 3)) * x * x + 1 }
        if x < 2 { return ((x - 5) * x + 8) * x * cubic - 4 * cubic }
        return 0
    }
}

extension NearestMode {
    /// The element nearest to a place; one that is within a millionth of the middle is in the middle, as in ONNX Runtime.
    func round(_ value: Double) -> Double {
        let below = value.rounded(.down)
        let isHalf = (value - below - 0.5).magnitude < 1e-6
        return switch self {
        case .preferFloor: isHalf ? below : (value - 0.5).rounded(.up)
        case .preferCeil: isHalf ? below + 1 : (value + 0.5).rounded(.down)
        case .floor: value.rounded(.down)
        case .ceil: value.rounded(.up)
        }
    }
}
