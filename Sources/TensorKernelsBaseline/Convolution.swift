import TensorKernels

/// Convolution as a matrix product: the inputs of a few output pixels are gathered into patches, one row each, and
/// multiplied by the packed weights while they are in the first-level cache. A pointwise convolution needs no patches.
@inline(never)
func convolution(_ arguments: ConvolutionArguments) {
    let window = arguments.window
    let pixels = window.batch * window.outputHeight * window.outputWidth
    let inner = window.taps * (window.channels / arguments.groups)
    let filters = arguments.filters / arguments.groups
    let panelColumns = (filters + KernelLayout.panelWidth - 1) / KernelLayout.panelWidth * KernelLayout.panelWidth
    for group in 0..<arguments.groups {
        var product = GemmArguments(
            left: arguments.input + group * inner, leftStride: window.channels,
            panels: arguments.panels + group * panelColumns * inner, bias: arguments.bias.map { $0 + group * filters },
            result: arguments.result + group * filters, resultStride: arguments.filters, rows: pixels, inner: inner,
            columns: filters, clamp: arguments.clamp)
        if window.isPointwise {
            gemm(product)
            continue
        }
        product.left = UnsafePointer(arguments.scratch)
        product.leftStride = inner
        var patches = PatchWalk(window: window, group: group, groups: arguments.groups)
        var pixel = 0
        while pixel < pixels {
            product.rows = min(KernelLayout.patchRows, pixels - pixel)
            for row in 0..<product.rows {
                patches.gather(from: arguments.input, to: arguments.scratch + row * inner)
            }
            gemm(product)
            product.result += product.rows * arguments.filters
            pixel += product.rows
        }
    }
}

/// Gathers patches, one output pixel after another.
private struct PatchWalk {
    let window: SlidingWindow
    let channels: Int
    let firstChannel: Int
    var batch = 0
    var row = 0
    var column = 0

    @inline(__always)
    init(window: SlidingWindow, group: Int, groups: Int) {
        self.window = window
        channels = window.channels / groups
        firstChannel = group * channels
    }

    /// Writes the next pixel's patch: `[kernelHeight, kernelWidth, channels]` with zeros outside the input.
    @inline(__always)
    mutating func gather(from input: UnsafePointer<Float>, to patch: UnsafeMutablePointer<Float>) {
        let rows = TapRange(
            output: row, stride: window.strideHeight, dilation: window.dilationHeight, pad: window.padTop,
            kernel: window.kernelHeight, size: window.inputHeight)
        let columns = TapRange(
            output: column, stride: window.strideWidth, dilation: window.dilationWidth, pad: window.padLeft,
            kernel: window.kernelWidth, size: window.inputWidth)
        let rowLength = window.kernelWidth * channels
        let plane = input + batch * window.inputPlane + firstChannel
        step()
        fill(patch, 0..<rows.first * rowLength)
        for tapRow in rows.first..<rows.end {
            let target = patch + tapRow * rowLength
            let y = rows.origin + tapRow * window.dilationHeight
            let source = plane + (y * window.inputWidth + columns.origin) * window.channels
            fill(target, 0..<columns.first * channels)
            copyTaps(columns, from: source, to: target)
            fill(target, columns.end * channels..<rowLength)
        }
        fill(patch, rows.end * rowLength..<window.kernelHeight * rowLength)
    }

    @inline(__always)
    private func copyTaps(
        _ columns: TapRange, from source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>
    ) {
        if window.dilationWidth == 1, channels == window.channels {
            let start = columns.first * channels
            copy((columns.end - columns.first) * channels, from: source + start, to: target + start)
            return
        }
        for tap in columns.first..<columns.end {
            copy(channels, from: source + tap * window.dilationWidth * window.channels, to: target + tap * channels)
        }
    }

    @inline(__always)
    private mutating func step() {
        column += 1
        guard column == window.outputWidth else { return }
        column = 0
        row += 1
        guard row == window.outputHeight else { return }
        row = 0
        batch += 1
    }
}

/// Copies floats by the widest vectors that fit, the last one moved back over what is copied already: runs are short,
/// so a call of memcpy would cost more than the copying.
@inline(__always)
private func copy(_ count: Int, from source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>) {
    if count >= Block.lanes {
        copy(count, from: source, to: target, by: Lanes.self)
    } else if count >= 4 {
        copy(count, from: source, to: target, by: SIMD4<Float>.self)
    } else {
        for index in 0..<count { target[index] = source[index] }
    }
}

@inline(__always)
private func copy<Vector: SIMD & BitwiseCopyable>(
    _ count: Int, from source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>, by type: Vector.Type
) {
    let width = MemoryLayout<Vector>.stride / MemoryLayout<Float>.stride
    var index = 0
    while index < count {
        let place = min(index, count - width)
        let vector = UnsafeRawPointer(source + place).loadUnaligned(as: Vector.self)
        UnsafeMutableRawPointer(target + place).storeBytes(of: vector, as: Vector.self)
        index += width
    }
}

@inline(__always)
private func fill(_ target: UnsafeMutablePointer<Float>, _ range: Range<Int>) {
    guard !range.isEmpty else { return }
    for index in range { target[index] = 0 }
}
