// What `detector.tflite` says of an image, without UIKit: which of its cells hold a face, and where
// that is. The squares are those around the landmarks, turned as the heads lean. And whether
// something is a face, from the scores of both models.

import Foundation

let detectorSize = 640
let minScore = 0.4  // of `confidence`

struct Find { var score: Float; var square: Square }

/// The faces in `centres`, `columns` to a row, and `geometry`, 13 numbers a cell; likeliest first.
func finds(_ centres: [Float], _ geometry: [Float], _ columns: Int, _ least: Float) -> [Find] {
    var found: [Find] = []
    for cell in centres.indices where centres[cell] >= least {
        let row = cell / columns, column = cell % columns
        if centres[cell] < largestAround(centres, row, column, columns) { continue }
        let told = geometry[13 * cell..<13 * cell + 13].map { Double($0) }
        let x = 4 * Double(column) + 1.5 + 32 * told[0]
        let y = 4 * Double(row) + 1.5 + 32 * told[1]
        let points = (0..<5).map { Point(x: told[3 + 2 * $0], y: told[4 + 2 * $0]) }
        let square = Square(x: x, y: y, side: 32 * exp(told[2]), angle: lean(points))
        found.append(Find(score: centres[cell], square: square))
    }
    var kept: [Find] = []
    for find in found.sorted(by: { $0.score > $1.score })
    where kept.allSatisfy({ overlap($0.square, find.square) <= 0.35 }) { kept.append(find) }
    return kept
}

func largestAround(_ values: [Float], _ row: Int, _ column: Int, _ columns: Int) -> Float {
    let rows = max(0, row - 1)...min(values.count / columns - 1, row + 1)
    let beside = max(0, column - 1)...min(columns - 1, column + 1)
    return rows.flatMap { y in beside.map { x in values[y * columns + x] } }.max()!
}

/// By how much a head leans, from its eyes and the corners of its mouth.
func lean(_ points: [Point]) -> Double {
    let left = points[0], right = points[1], mouthLeft = points[3], mouthRight = points[4]
    let acrossX = right.x - left.x + mouthRight.x - mouthLeft.x
    let acrossY = right.y - left.y + mouthRight.y - mouthLeft.y
    let downX = (mouthLeft.x + mouthRight.x - left.x - right.x) / 2
    let downY = (mouthLeft.y + mouthRight.y - left.y - right.y) / 2
    return atan2(acrossY - downX, acrossX + downY)
}

/// What two squares have in common, as a share of what they cover together.
func overlap(_ one: Square, _ other: Square) -> Double {
    func reach(_ apart: Double) -> Double {
        min(min(one.side, other.side), max(0.0, (one.side + other.side) / 2 - apart))
    }
    let shared = reach(abs(one.x - other.x)) * reach(abs(one.y - other.y))
    return shared / (one.side * one.side + other.side * other.side - shared)
}

/// The square around a whole image, which the detector sees.
func wholeOf(_ image: Pixels) -> Square {
    Square(x: Double(image.width) / 2.0 - 0.5, y: Double(image.height) / 2.0 - 0.5,
           side: Double(max(image.width, image.height)))
}

/// A square in the detector's pixels, brought back to the image that `whole` is the square of.
func squareInImage(_ square: Square, _ whole: Square) -> Square {
    func place(_ value: Double) -> Double { ((value + 0.5) / Double(detectorSize) - 0.5) * whole.side }
    return Square(x: whole.x + place(square.x), y: whole.y + place(square.y),
                  side: square.side * whole.side / Double(detectorSize), angle: square.angle)
}

/// The score of two passes, from their `presence`: a crop of a tilted head is unreliable.
func scoreOf(_ first: Float, _ second: Float, _ turned: Double) -> Float {
    abs(atan2(sin(turned), cos(turned))) <= Double.pi / 6 ? (first + second) / 2 : second
}

/// The confidence that this is a face: the mean of the scores that there are, or none.
func confidence(_ score: Float?, _ detectionScore: Float?) -> Double? {
    let scores = [score, detectionScore].compactMap { $0 }.map { Double($0) }
    return scores.isEmpty ? nil : scores.reduce(0, +) / Double(scores.count)
}

/// Whether this is a face; without any score nothing speaks against it.
func isFace(_ score: Float?, _ detectionScore: Float?, _ least: Double = minScore) -> Bool {
    (confidence(score, detectionScore) ?? 1.0) >= least
}
