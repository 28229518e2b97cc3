#if canImport(CEdgeSupport)
    import CEdgeSupport
    import ModelImage
    import TensorKernels

    /// Shares large matrix products and convolutions among threads, by rows of their results.
    ///
    /// Each element is the same sum in the same order whichever thread computes it, so that results do not depend on the
    /// number of threads. Unchecked because the pool is used by one run at a time: a model is run by one owner.
    final class KernelThreads: @unchecked Sendable {
        private let pool: UnsafeMutablePointer<edge_pool>
        private let count: Int
        /// A strip for each thread's convolutions.
        private let scratch: UnsafeMutablePointer<Float>
        private let scratchStride: Int

        /// Multiply-adds from which sharing is worth the waking of threads.
        static let largeLayer = 1 << 21
        /// Rows of a part are a multiple of this: of every instruction set's tile.
        private static let rowUnit = 24

        /// `count` threads, 2...64, with the caller's; nil when the system has none to give.
        ///
        /// - Parameter scratchBytes: The largest scratch of a convolution of the model.
        init?(count: Int, scratchBytes: Int) {
            guard count >= 2, count <= edge_maximum_threads, let pool = edge_pool_create(Int32(count))
            else {
                return nil
            }
            self.pool = pool
            self.count = count
            scratchStride = ImageFormat.aligned(scratchBytes + KernelLayout.slackBytes)
            scratch = UnsafeMutableRawPointer.allocate(
                byteCount: scratchStride * count, alignment: ImageFormat.alignment
            ).bindMemory(to: Float.self, capacity: scratchStride / 4 * count)
        }

        deinit {
            edge_pool_destroy(pool)
            scratch.deallocate()
        }

        /// The kernels, of which the large ones are shared.
        func sharing(_ kernels: KernelTable) -> KernelTable {
            var table = kernels
            table.gemm = { self.run($0, kernels.gemm) }
            table.convolution = {
                if $0.window.isPointwise, $0.groups == 1 {
                    self.run($0.pointwiseProduct, kernels.gemm)
                } else {
                    self.run($0, kernels.convolution)
                }
            }
            return table
        }

        // MARK: - Matrix products

        private func run(_ arguments: GemmArguments, _ kernel: @escaping @Sendable (GemmArguments) -> Void) {
            let share = Self.share(of: arguments.rows, unit: Self.rowUnit, among: count)
            guard share < arguments.rows, arguments.rows * arguments.inner * arguments.columns >= Self.largeLayer else {
                return kernel(arguments)
            }
            var product = SharedProduct(arguments: arguments, kernel: kernel, share: share)
            withUnsafeMutablePointer(to: &product) {
                edge_pool_run(
                    pool,
                    { context, part in context?.assumingMemoryBound(to: SharedProduct.self).pointee.run(Int(part)) },
                    $0)
            }
        }

        /// Rows of each part: whole units. No part has a single row, since those are summed in another order.
        private static func share(of rows: Int, unit: Int, among count: Int) -> Int {
            let units = (rows + unit - 1) / unit
            var share = (units + count - 1) / count * unit
            while share < rows, rows % share == 1 { share += unit }
            return share
        }

        // MARK: - Convolutions

        private func run(
            _ arguments: ConvolutionArguments, _ kernel: @escaping @Sendable (ConvolutionArguments) -> Void
        ) {
            let window = arguments.window
            let share = (arguments.rows.count + count - 1) / count
            let work =
                arguments.rows.count * window.outputWidth * window.taps * (window.channels / arguments.groups)
                * arguments.filters
            guard share < arguments.rows.count, work >= Self.largeLayer else { return kernel(arguments) }
            var convolution = SharedConvolution(
                arguments: arguments, kernel: kernel, share: share, scratch: scratch, scratchStride: scratchStride / 4)
            withUnsafeMutablePointer(to: &convolution) {
                edge_pool_run(
                    pool,
                    { context, part in context?.assumingMemoryBound(to: SharedConvolution.self).pointee.run(Int(part))
                    },
                    $0)
            }
        }
    }

    /// A matrix product in parts of `share` rows.
    private struct SharedProduct {
        let arguments: GemmArguments
        let kernel: @Sendable (GemmArguments) -> Void
        let share: Int

        func run(_ part: Int) {
            var arguments = arguments
            let first = part * share
            guard first < arguments.rows else { return }
            arguments.rows = min(share, arguments.rows - first)
            arguments.left += first * arguments.leftStride
            arguments.result += first * arguments.resultStride
            arguments.addend = arguments.addend.map { $0 + first * arguments.resultStride }
            kernel(arguments)
        }
    }

    /// A convolution in parts of `share` output rows, with a strip of working memory for each.
    private struct SharedConvolution {
        let arguments: ConvolutionArguments
        let kernel: @Sendable (ConvolutionArguments) -> Void
        let share: Int
        let scratch: UnsafeMutablePointer<Float>
        let scratchStride: Int

        func run(_ part: Int) {
            var arguments = arguments
            let first = arguments.rows.lowerBound + part * share
            guard first < arguments.rows.upperBound else { return }
            arguments.rows = first..<min(first + share, arguments.rows.upperBound)
            arguments.scratch = scratch + part * scratchStride
            kernel(arguments)
        }
    }

    extension Model {
        /// The kernels as a model with `threads` threads calls them.
        static func kernels(
            _ kernels: KernelTable, for reader: ImageReader, threads count: Int
        ) throws(RuntimeError) -> KernelTable {
            if count == 1 { return kernels }
            var scratch = 0
            for index in 0..<reader.operationCount {
                let record = reader.operation(index)
                if case .convolution = record.operation { scratch = max(scratch, record.scratchBytes) }
            }
            guard let threads = KernelThreads(count: count, scratchBytes: scratch) else {
                throw .unavailableThreads(count)
            }
            return threads.sharing(kernels)
        }
    }
#else
    import ModelImage
    import TensorKernels

    extension Model {
        /// Without an operating system there is one thread.
        static func kernels(
            _ kernels: KernelTable, for reader: ImageReader, threads count: Int
        ) throws(RuntimeError) -> KernelTable {
            guard count == 1 else { throw .unavailableThreads(count) }
            return kernels
        }
    }
#endif
