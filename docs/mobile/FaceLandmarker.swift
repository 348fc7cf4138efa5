import CoreVideo
import Foundation
import TensorFlowLite

/// `score` is the model's `presence`, nil if the file has none.
struct Face {
    let square: Square
    let landmarks: [Point]
    let covariance: [Float]?
    let visibility: [Float]?
    var score: Float?
    var detectionScore: Float?
}

struct Sidecar: Decodable {
    let input_size: Int
    let crop_margin: Double
    let face_box: [Double]?
    let outputs: [String]
    let markup: Markup
    struct Markup: Decodable {
        let points: [String]
        let normalizers: [String: [[Int]]]
        let rigid_points: [String: [Double]]?  // files of before have none
    }
}

/// Not thread-safe: use it from one queue, that of the camera's delegate.
final class FaceLandmarker {
    static let signature = "serving_default"
    static let input = "images"
    private let sidecar: Sidecar
    private let eyes: [[Int]]?
    private let heights: [Int: Double]
    private let faceBox: FaceBox
    private let runner: SignatureRunner
    private let asBytes: Bool

    init(modelPath: String) throws {
        let json = URL(fileURLWithPath: modelPath).deletingPathExtension()
            .appendingPathExtension("json")
        sidecar = try JSONDecoder().decode(Sidecar.self, from: Data(contentsOf: json))
        let markup = sidecar.markup, normalizers = markup.normalizers
        eyes = normalizers["inter_pupil"] ?? normalizers["inter_ocular"]
        heights = Dictionary(uniqueKeysWithValues: (markup.rigid_points ?? [:]).map {
            (markup.points.firstIndex(of: $0.key)!, $0.value[1])
        })
        faceBox = sidecar.face_box.map { FaceBox(x: $0[0], y: $0[1], scale: $0[2]) } ?? tightBox
        var options = Interpreter.Options()
        options.threadCount = 2
        options.isXNNPackEnabled = true  // marked experimental on iOS; try both
        runner = try Interpreter(modelPath: modelPath, options: options)
            .signatureRunner(with: Self.signature)
        asBytes = try runner.input(named: Self.input).dataType == .uInt8
    }

    /// Two passes, from a find of `FaceDetector`; see `isFace`.
    func detect(_ image: Pixels, _ find: Find) throws -> Face {
        var square = find.square
        square.side *= 1 + sidecar.crop_margin
        return try detect(image, square, find.score)
    }

    /// Two passes, from the box of another detector and its score, 0 to 1.
    func detect(_ image: Pixels, _ box: Box, _ detectionScore: Float? = nil) throws -> Face {
        try detect(image, squareAround(box, sidecar.crop_margin), detectionScore)
    }

    private func detect(
        _ image: Pixels, _ square: Square, _ detectionScore: Float?
    ) throws -> Face {
        let first = try predict(image, square)
        var second = try follow(image, first.landmarks)
        let turned = second.square.angle - square.angle
        second.score = first.score.map { scoreOf($0, second.score!, turned) }
        second.detectionScore = detectionScore
        return second
    }

    /// One pass, around the landmarks of the frame before.
    func follow(_ image: Pixels, _ landmarks: [Point]) throws -> Face {
        try predict(image, uprightSquare(landmarks, eyes, heights, sidecar.crop_margin, faceBox))
    }

    func predict(_ image: Pixels, _ square: Square) throws -> Face {
        let pixels = crop(image, square, sidecar.input_size)
        let data =
            asBytes ? Data(pixels) : pixels.map { Float($0) / 255 }.withUnsafeBytes { Data($0) }
        try runner.invoke(with: [Self.input: data])
        let landmarks = try values("landmarks") ?? []
        return try Face(
            square: square,
            landmarks: stride(from: 0, to: landmarks.count, by: 2).map {
                mapBack(landmarks[$0], landmarks[$0 + 1], square)
            },
            covariance: values("covariance"), visibility: values("visibility"),
            score: values("presence")?.first)
    }

    private func values(_ name: String) throws -> [Float]? {
        guard sidecar.outputs.contains(name) else { return nil }
        return try runner.output(named: name).data.withUnsafeBytes {
            Array($0.bindMemory(to: Float.self))
        }
    }
}

/// A frame in kCVPixelFormatType_32BGRA, upright.
func pixelsOf(_ buffer: CVPixelBuffer) -> Pixels {
    CVPixelBufferLockBaseAddress(buffer, .readOnly)
    defer { CVPixelBufferUnlockBaseAddress(buffer, .readOnly) }
    let width = CVPixelBufferGetWidth(buffer), height = CVPixelBufferGetHeight(buffer)
    let stride = CVPixelBufferGetBytesPerRow(buffer)  // rows may be padded
    let bytes = CVPixelBufferGetBaseAddress(buffer)!.assumingMemoryBound(to: UInt8.self)
    let black = [UInt8](repeating: 0, count: width * height * 3)
    var image = Pixels(width: width, height: height, rgb: black)
    for y in 0..<height { for x in 0..<width { for c in 0..<3 {
        image.rgb[(y * width + x) * 3 + c] = bytes[y * stride + x * 4 + 2 - c]  // BGRA to RGB
    } } }
    return image
}
