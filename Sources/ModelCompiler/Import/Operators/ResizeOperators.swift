import ModelImage
import ONNXFormat

/// Resampling of axes.
enum ResizeOperators {
    static let rules: [String: OperatorRule] = [
        "Resize": OperatorRule(since: 10, resize), "Upsample": OperatorRule(since: 7, resize),
    ]

    /// What is done to one axis.
    private struct AxisPlan {
        let axis: Int
        let size: Int
        /// Elements of the result for each that was there, a float64 scalar.
        let scale: ValueID
        /// Where the cut-out begins and ends, as shares of the axis: float64 scalars.
        let region: (start: ValueID, end: ValueID)?
        /// True when the axis stays as it is.
        let isIdentity: Bool
        /// The scale when it is known.
        let known: Double?
    }

    /// What all axes share.
    private struct Method {
        var mode: ResampleMode
        var coordinates = ResampleCoordinates.asymmetric
        var nearest = NearestMode.floor
        var isSmooth = false
        var excludesOutside = false
        var cubic: Float = -0.75
        var fill: Float = 0

        init(_ node: ImportedNode) throws(Refusal) {
            switch try node.text("mode", default: "nearest") {
            case "nearest": mode = .nearest
            case "linear", "bilinear", "trilinear": mode = .linear
            case "cubic": mode = .cubic
            case let other: throw .invalid("mode is \"\(other)\"")
            }
            guard node.node.operatorType == "Resize", node.version >= 11 else { return }
            let name = try node.text("coordinate_transformation_mode", default: "half_pixel")
            guard let coordinates = Self.coordinates[name] else {
                throw .invalid("coordinate_transformation_mode is \"\(name)\"")
            }
            self.coordinates = coordinates
            let nearestName = try node.text("nearest_mode", default: "round_prefer_floor")
            guard let nearest = Self.nearestModes[nearestName] else {
                throw .invalid("nearest_mode is \"\(nearestName)\"")
            }
            self.nearest = nearest
            isSmooth = try node.flag("antialias")
            excludesOutside = try node.flag("exclude_outside")
            cubic = try node.float("cubic_coeff_a", default: -0.75)
            fill = try node.float("extrapolation_value", default: 0)
        }

        private static let coordinates: [String: ResampleCoordinates] = [
            "half_pixel": .halfPixel, "pytorch_half_pixel": .pytorchHalfPixel, "asymmetric": .asymmetric,
            "half_pixel_symmetric": .halfPixelSymmetric, "align_corners": .alignCorners,
            "tf_crop_and_resize": .cropAndResize, "tf_half_pixel_for_nn": .halfPixelForNearest,
        ]

        private static let nearestModes: [String: NearestMode] = [
            "round_prefer_floor": .preferFloor, "round_prefer_ceil": .preferCeil, "floor": .floor, "ceil": .ceil,
        ]

        /// Elements that one of the result is made of, where a known scale (or none) shrinks an axis.
        func taps(extent: Int, scale: Double?) -> Int {
            let reach = mode == .cubic ? 2.0 : 1
            if mode == .nearest { return 1 }
            guard isSmooth else { return 2 * Int(reach) }
            let spread = min(1, max(scale ?? 0, 1 / Double(extent)))
            return min(extent, Int(2 - 2 * ((-reach / spread).rounded(.down) + 1)))
        }
    }

    private static func resize(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        try builder.requireNumbers(x)
        let method = try Method(node)
        let plans = try plans(&builder, node, method)
        let type = builder.elementType(x)
        // Between axes nothing may be cut to integers.
        let isExact = method.mode == .nearest || type.isFloating
        var result = isExact ? x : try builder.cast(x, to: .float64)
        for plan in plans where !plan.isIdentity { result = try resample(result, plan, method, &builder) }
        return [try builder.cast(result, to: type)]
    }

    private static func resample(
        _ x: ValueID, _ plan: AxisPlan, _ method: Method, _ builder: inout GraphBuilder
    ) throws(Refusal) -> ValueID {
        var shape = builder.shape(x)
        let extent = shape[plan.axis]
        guard extent > 0, plan.size > 0 else { throw .unsupported("an axis is empty", help: "remove the node") }
        let taps = method.taps(extent: extent, scale: plan.known)
        let words: [Int32] = [
            Int32(extent), Int32(plan.size), Int32(taps), method.mode.rawValue, method.coordinates.rawValue,
            method.nearest.rawValue, method.isSmooth ? 1 : 0, method.excludesOutside ? 1 : 0,
            Int32(bitPattern: method.cubic.bitPattern),
        ]
        let node = PortableNode(
            opcode: .resampleTable, words: words,
            results: [.init([plan.size, taps], .int32), .init([plan.size, taps], .float64)])
        let tables = try builder.emit(node, [plan.scale, plan.region?.start, plan.region?.end])
        shape[plan.axis] = plan.size
        if method.mode == .nearest, method.coordinates != .cropAndResize {
            let places = try builder.reshape(tables[0], to: [plan.size])
            return try builder.emit(
                .gather, words: [Int32(plan.axis)], [x, places], to: shape, builder.elementType(x))
        }
        return try builder.emit(
            .resample, words: [Int32(plan.axis), Int32(bitPattern: method.fill.bitPattern)],
            [x, tables[0], tables[1]], to: shape, builder.elementType(x))
    }

    // MARK: - Sizes and scales

    private static func plans(
        _ builder: inout GraphBuilder, _ node: ImportedNode, _ method: Method
    ) throws(Refusal) -> [AxisPlan] {
        let shape = builder.shape(try node.input(0))
        var axes: [Int] = []
        for number in try node.ints("axes") ?? Array(shape.indices) {
            guard let axis = Extents.axis(number, rank: shape.count), !axes.contains(axis) else {
                throw .invalid("axes of \(shape)")
            }
            axes.append(axis)
        }
        let region = try region(&builder, node, method, axes: axes.count)
        var plans: [AxisPlan] = []
        if let sizes = try sizes(builder, node, axes: axes, shape: shape) {
            for (index, axis) in axes.enumerated() {
                let scale = sizes.scale ?? Double(sizes.extents[index]) / Double(max(shape[axis], 1))
                plans.append(
                    AxisPlan(
                        axis: axis, size: sizes.extents[index], scale: try builder.scalar(scale, .float64),
                        region: region?[index],
                        isIdentity: sizes.extents[index] == shape[axis] && scale == 1 && region == nil, known: scale))
            }
            return plans
        }
        let scales = try scales(&builder, node, count: axes.count)
        let declared = node.declared(0).flatMap { $0.count == shape.count ? $0 : nil }
        for (index, axis) in axes.enumerated() {
            let known = builder.constant(scales[index])?.scalar
            guard
                let size = known.map({ ($0 * Double(shape[axis])).rounded(.down) }).flatMap(Int.init(exactly:))
                    ?? declared?[axis]
            else { throw .mustBeConstant("the scale") }
            guard size > 0, size <= ImageLimits.elements else { throw .invalid("a size of \(size)") }
            plans.append(
                AxisPlan(
                    axis: axis, size: size, scale: scales[index], region: region?[index],
                    isIdentity: known == 1 && region == nil, known: known))
        }
        return plans
    }

    /// The sizes that an operand gives for the axes, and the one scale of a policy that keeps proportions.
    private static func sizes(
        _ builder: GraphBuilder, _ node: ImportedNode, axes: [Int], shape: [Int]
    ) throws(Refusal) -> (extents: [Int], scale: Double?)? {
        guard node.version >= 11, node.node.operatorType == "Resize",
            let extents = try SliceOperators.integers(builder, node, 3, "the sizes"), !extents.isEmpty
        else { return nil }
        guard extents.count == axes.count, extents.allSatisfy({ (1...ImageLimits.elements).contains($0) }) else {
            throw .invalid("sizes \(extents) do not fit \(axes.count) axes")
        }
        let scales = zip(extents, axes).map { Double($0) / Double(max(shape[$1], 1)) }
        let common: Double?
        switch try node.text("keep_aspect_ratio_policy", default: "stretch") {
        case "stretch": return (extents, nil)
        case "not_larger": common = scales.min()
        case "not_smaller": common = scales.max()
        case let other: throw .invalid("keep_aspect_ratio_policy is \"\(other)\"")
        }
        guard let common else { return (extents, nil) }
        return (axes.map { Int(common * Double(shape[$0]) + 0.5) }, common)
    }

    /// A float64 scalar for each axis; from the attribute of the first versions, or an operand.
    private static func scales(
        _ builder: inout GraphBuilder, _ node: ImportedNode, count: Int
    ) throws(Refusal) -> [ValueID] {
        if case .floats(let values) = node.node.attribute("scales") {
            guard values.count == count else { throw .invalid("\(values.count) scales for \(count) axes") }
            return try values.map { value throws(Refusal) in try builder.scalar(Double(value), .float64) }
        }
        let isOld = node.version < 11 || node.node.operatorType == "Upsample"
        return try elements(of: try node.input(isOld ? 1 : 2), count: count, &builder)
    }

    /// Where the cut-out of each axis begins and ends, if the node cuts out.
    private static func region(
        _ builder: inout GraphBuilder, _ node: ImportedNode, _ method: Method, axes: Int
    ) throws(Refusal) -> [(start: ValueID, end: ValueID)]? {
        guard method.coordinates == .cropAndResize else { return nil }
        let bounds = try elements(of: try node.input(1), count: 2 * axes, &builder)
        return (0..<axes).map { (bounds[$0], bounds[$0 + axes]) }
    }

    private static func elements(
        of operand: ValueID, count: Int, _ builder: inout GraphBuilder
    ) throws(Refusal) -> [ValueID] {
        guard builder.shape(operand) == [count] else {
            throw .invalid("an operand \(builder.shape(operand)) does not fit \(count) numbers")
        }
        let wide = try builder.cast(operand, to: .float64)
        return try (0..<count).map { index throws(Refusal) in
            let part = try builder.emit(.slice(starts: [index], steps: [1], counts: [1]), .none, [wide])
            return try builder.reshape(part, to: [])
        }
    }
}
