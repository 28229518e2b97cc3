#if canImport(CEdgeSupport)
    import CEdgeSupport
    import ModelImage
    public import OperatorInterface

    extension Model {
        /// Maps an image file read-only and loads it. The file's pages are shared with every other process that maps it.
        ///
        /// Files are expected to be immutable, as images named by their digest are: a file that is cut short while it is
        /// mapped ends the process.
        ///
        /// - Parameters:
        ///   - path: The file.
        ///   - instructionSet: The kernels to use; nil takes ``InstructionSet/preferred()``.
        ///   - operators: The portable operators that the image may use.
        ///   - threads: Threads that large layers are shared among: ``init(bytes:instructionSet:operators:threads:)``.
        /// - Throws: ``RuntimeError/unreadableFile(code:)``, or what ``init(bytes:instructionSet:operators:threads:)``
        ///   throws.
        public init(
            mapping path: String, instructionSet: InstructionSet? = nil, operators: OperatorSet = .standard,
            threads: Int = 1
        ) throws(RuntimeError) {
            var size = 0
            var code: Int32 = 0
            guard let address = edge_map_file(path, ImageLimits.imageBytes, &size, &code) else {
                throw .unreadableFile(code: code)
            }
            let mapping = UnsafeRawBufferPointer(start: address, count: size)
            do throws(RuntimeError) {
                try self.init(
                    bytes: mapping, mapping: mapping, instructionSet: instructionSet, operators: operators,
                    threads: threads)
            } catch {
                edge_unmap_file(address, size)
                throw error
            }
        }

        static func unmap(_ mapping: UnsafeRawBufferPointer?) {
            if let mapping { edge_unmap_file(mapping.baseAddress, mapping.count) }
        }

        /// Working memory at a multiple of 64 bytes; nil if the system has none to give.
        static func allocateArena(_ bytes: Int) -> UnsafeMutableRawPointer? { edge_allocate(bytes) }

        static func freeArena(_ arena: UnsafeMutableRawPointer) { edge_free(arena) }
    }
#else
    import ModelImage

    extension Model {
        /// Without a file system there is nothing to unmap.
        static func unmap(_ mapping: UnsafeRawBufferPointer?) {}

        /// Whoever builds the program has given it this memory: without it the program ends.
        static func allocateArena(_ bytes: Int) -> UnsafeMutableRawPointer? {
            .allocate(byteCount: bytes, alignment: ImageFormat.alignment)
        }

        static func freeArena(_ arena: UnsafeMutableRawPointer) { arena.deallocate() }
    }
#endif
