// The arithmetic of a crop, without UIKit: which square is cut out, its pixels, and the way back.
// Coordinates are pixels of the upright image; the centre of its first pixel is (0, 0).

import Foundation

struct Point { var x, y: Double }
struct Box { var left, top, right, bottom: Double }
struct Square { var x, y, side: Double; var angle = 0.0 }
struct Ellipse { var long, short, angle: Double }

/// `face_box` of the sidecar; models of files without it were trained on tight boxes.
struct FaceBox { var x, y, scale: Double }
let tightBox = FaceBox(x: 0, y: 0, scale: 1)

struct Pixels {
    let width, height: Int
    var rgb: [UInt8]

    func pixel(_ x: Int, _ y: Int, _ channel: Int) -> Int {
        x < 0 || y < 0 || x >= width || y >= height ? 0 : Int(rgb[(y * width + x) * 3 + channel])
    }
}

/// The point turned about the origin, from x towards y.
func rotate(_ point: Point, _ angle: Double) -> Point {
    Point(x: cos(angle) * point.x - sin(angle) * point.y,
          y: sin(angle) * point.x + cos(angle) * point.y)
}

func squareAround(_ box: Box, _ margin: Double) -> Square {
    let side = max(box.right - box.left, box.bottom - box.top) * (1 + margin)
    return Square(x: (box.left + box.right) / 2, y: (box.top + box.bottom) / 2, side: side)
}

func landmarkBox(_ landmarks: [Point]) -> Box {
    let xs = landmarks.map { $0.x }, ys = landmarks.map { $0.y }
    return Box(left: xs.min()!, top: ys.min()!, right: xs.max()!, bottom: ys.max()!)
}

/// The box of a face of which the landmarks are known, like those of the model's training.
func boxOfLandmarks(_ landmarks: [Point], _ faceBox: FaceBox) -> Box {
    let tight = landmarkBox(landmarks)
    let width = tight.right - tight.left, height = tight.bottom - tight.top
    let x = (tight.left + tight.right) / 2 + faceBox.x * max(width, height)
    let y = (tight.top + tight.bottom) / 2 + faceBox.y * max(width, height)
    let across = faceBox.scale * width / 2, down = faceBox.scale * height / 2
    return Box(left: x - across, top: y - down, right: x + across, bottom: y + down)
}

/// `eyes` are two groups of landmarks, or nil where the markup has none; `heights` tell how low
/// each of its rigid points lies on a head, and are empty where it has none.
func uprightSquare(
    _ landmarks: [Point], _ eyes: [[Int]]?, _ heights: [Int: Double],
    _ margin: Double, _ faceBox: FaceBox
) -> Square {
    let angle = roll(landmarks, eyes, heights)
    // The box is taken in the turned frame, then its centre is brought back.
    let level = squareAround(boxOfLandmarks(landmarks.map { rotate($0, -angle) }, faceBox), margin)
    let centre = rotate(Point(x: level.x, y: level.y), angle)
    return Square(x: centre.x, y: centre.y, side: level.side, angle: angle)
}

func roll(_ landmarks: [Point], _ eyes: [[Int]]?, _ heights: [Int: Double]) -> Double {
    guard let eyes = eyes else { return axisAngle(landmarks, heights) }
    func middle(_ eye: [Int]) -> Point {
        Point(x: eye.map { landmarks[$0].x }.reduce(0, +) / Double(eye.count),
              y: eye.map { landmarks[$0].y }.reduce(0, +) / Double(eye.count))
    }
    let left = middle(eyes[0]), right = middle(eyes[1])
    let box = landmarkBox(landmarks)
    let size = ((box.right - box.left) * (box.bottom - box.top)).squareRoot()
    let x = right.x - left.x, y = right.y - left.y
    let apart = hypot(x, y) >= 0.3 * size  // closer eyes, of a turned head, say little
    return apart ? atan2(y, x) : axisAngle(landmarks, heights)
}

/// How far the direction from high to low points leans, 0 without any.
func axisAngle(_ landmarks: [Point], _ heights: [Int: Double]) -> Double {
    let mean = heights.values.reduce(0, +) / Double(heights.count)
    let x = heights.map { point, height in (height - mean) * landmarks[point].x }.reduce(0, +)
    let y = heights.map { point, height in (height - mean) * landmarks[point].y }.reduce(0, +)
    return atan2(-x, y)
}

/// The square's pixels: RGB, size x size x 3.
func crop(_ image: Pixels, _ square: Square, _ size: Int) -> [UInt8] {
    let shrink = max(1, Int(square.side / Double(size)))
    let (source, centre) =
        shrink >= 2 ? shrunk(image, square, shrink) : (image, Point(x: square.x, y: square.y))
    let step = square.side / Double(size) / Double(shrink)
    let cosine = step * cos(square.angle), sine = step * sin(square.angle)
    let x = centre.x - (cosine - sine) * Double(size - 1) / 2
    let y = centre.y - (sine + cosine) * Double(size - 1) / 2
    var pixels = [UInt8](repeating: 0, count: size * size * 3)
    for row in 0..<size { for column in 0..<size {
        let x32 = to32nds(x - sine * Double(row), cosine * Double(column))
        let y32 = to32nds(y + cosine * Double(row), sine * Double(column))
        for c in 0..<3 { pixels[(row * size + column) * 3 + c] = bilinear(source, x32, y32, c) }
    } }
    return pixels
}

func to32nds(_ start: Double, _ offset: Double) -> Int {
    func fine(_ position: Double) -> Int { Int((position * 1024).rounded(.toNearestOrEven)) }
    return (fine(start) + fine(offset) + 16) >> 5
}

func bilinear(_ image: Pixels, _ x32: Int, _ y32: Int, _ c: Int) -> UInt8 {
    let left = x32 >> 5, top = y32 >> 5, right = x32 & 31, bottom = y32 & 31
    let above = (32 - right) * image.pixel(left, top, c) + right * image.pixel(left + 1, top, c)
    let below =
        (32 - right) * image.pixel(left, top + 1, c) + right * image.pixel(left + 1, top + 1, c)
    return UInt8(((32 - bottom) * above + bottom * below + 512) >> 10)
}

/// The image near the square, averaged over shrink x shrink pixels, and the new centre.
func shrunk(_ image: Pixels, _ square: Square, _ shrink: Int) -> (Pixels, Point) {
    let reach = square.side / 2 * (abs(cos(square.angle)) + abs(sin(square.angle)))
    let left = max(0, Int(square.x - reach) - 2 * shrink)
    let top = max(0, Int(square.y - reach) - 2 * shrink)
    let right = min(image.width, Int(square.x + reach) + 2 * shrink)
    let bottom = min(image.height, Int(square.y + reach) + 2 * shrink)
    let columns = max(0, (right - left + shrink - 1) / shrink)
    let rows = max(0, (bottom - top + shrink - 1) / shrink)
    let area = Double(shrink * shrink)  // OpenCV rounds halves up for 2 x 2 pixels only
    var small = Pixels(width: columns, height: rows, rgb: [])
    for row in 0..<rows { for column in 0..<columns { for c in 0..<3 {
        var sum = 0
        for dy in 0..<shrink { for dx in 0..<shrink {  // the last pixels are repeated
            let x = min(left + column * shrink + dx, image.width - 1)
            let y = min(top + row * shrink + dy, image.height - 1)
            sum += image.pixel(x, y, c)
        } }
        let mean = shrink == 2 ? (sum + 2) / 4 : Int((Double(sum) / area).rounded(.toNearestOrEven))
        small.rgb.append(UInt8(mean))
    } } }
    func moved(_ offset: Double) -> Double { (offset + 0.5) / Double(shrink) - 0.5 }
    return (small, Point(x: moved(square.x - Double(left)), y: moved(square.y - Double(top))))
}

func mapBack(_ x: Float, _ y: Float, _ square: Square) -> Point {
    let across = (Double(x) - 0.5) * square.side, down = (Double(y) - 0.5) * square.side
    let offset = rotate(Point(x: across, y: down), square.angle)
    return Point(x: square.x + offset.x, y: square.y + offset.y)
}

/// `covariance` are the four numbers of one landmark, in crop fractions squared.
func ellipse(_ covariance: [Float], _ square: Square) -> Ellipse {
    let xx = Double(covariance[0]), xy = Double(covariance[1]), yy = Double(covariance[3])
    let middle = (xx + yy) / 2, spread = hypot((xx - yy) / 2, xy)
    let long = square.side * (4.605 * (middle + spread)).squareRoot()
    let short = square.side * (4.605 * max(0, middle - spread)).squareRoot()
    return Ellipse(long: long, short: short, angle: square.angle + atan2(2 * xy, xx - yy) / 2)
}
