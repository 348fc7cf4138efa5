import Foundation
import TensorFlowLite

/// Not thread-safe: use it from one queue, that of the camera's delegate.
final class FaceDetector {
    private let runner: SignatureRunner

    init(modelPath: String) throws {
        var options = Interpreter.Options()
        options.threadCount = 2
        options.isXNNPackEnabled = true  // marked experimental on iOS; try both
        runner = try Interpreter(modelPath: modelPath, options: options)
            .signatureRunner(with: "serving_default")
    }

    /// The faces of an image, the likeliest first: for `FaceLandmarker.detect`.
    func detect(_ image: Pixels, minScore: Float = 0.5) throws -> [Find] {
        let whole = wholeOf(image)
        let pixels = crop(image, whole, detectorSize).map { Float($0) / 255 }
        try runner.invoke(with: ["images": pixels.withUnsafeBytes { Data($0) }])
        let centres = try values("centres"), geometry = try values("geometry")
        return finds(centres, geometry, detectorSize / 4, minScore).map {
            Find(score: $0.score, square: squareInImage($0.square, whole))
        }
    }

    private func values(_ name: String) throws -> [Float] {
        try runner.output(named: name).data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    }
}
