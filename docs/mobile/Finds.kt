/*
 * What `detector.tflite` says of an image, without Android: which of its cells hold a face, and
 * where that is. The squares are those around the landmarks, turned as the heads lean. And whether
 * something is a face, from the scores of both models.
 */

import kotlin.math.*

const val DETECTOR_SIZE = 640
const val MIN_SCORE = 0.4  // of `confidence`

class Find(val score: Float, val square: Square)

/** The faces in `centres` [rows][columns] and `geometry` [rows][columns][13], the likeliest first. */
fun finds(
    centres: Array<FloatArray>, geometry: Array<Array<FloatArray>>, minScore: Float
): List<Find> {
    val found = mutableListOf<Find>()
    for (row in centres.indices) for (column in centres[row].indices) {
        val score = centres[row][column]
        if (score < minScore || score < largestAround(centres, row, column)) continue
        val told = geometry[row][column].map { it.toDouble() }
        val x = 4 * column + 1.5 + 32 * told[0]
        val y = 4 * row + 1.5 + 32 * told[1]
        val points = List(5) { Point(told[3 + 2 * it], told[4 + 2 * it]) }
        found.add(Find(score, Square(x, y, 32 * exp(told[2]), lean(points))))
    }
    val kept = mutableListOf<Find>()
    for (find in found.sortedByDescending { it.score }) {
        if (kept.none { overlap(it.square, find.square) > 0.35 }) kept.add(find)
    }
    return kept
}

fun largestAround(values: Array<FloatArray>, row: Int, column: Int): Float {
    val rows = max(0, row - 1)..min(values.lastIndex, row + 1)
    val columns = max(0, column - 1)..min(values[row].lastIndex, column + 1)
    return rows.flatMap { y -> columns.map { x -> values[y][x] } }.reduce { a, b -> max(a, b) }
}

/** By how much a head leans, from its eyes and the corners of its mouth. */
fun lean(points: List<Point>): Double {
    val (left, right, _, mouthLeft, mouthRight) = points
    val acrossX = right.x - left.x + mouthRight.x - mouthLeft.x
    val acrossY = right.y - left.y + mouthRight.y - mouthLeft.y
    val downX = (mouthLeft.x + mouthRight.x - left.x - right.x) / 2
    val downY = (mouthLeft.y + mouthRight.y - left.y - right.y) / 2
    return atan2(acrossY - downX, acrossX + downY)
}

/** What two squares have in common, as a share of what they cover together. */
fun overlap(one: Square, other: Square): Double {
    fun reach(apart: Double) =
        min(min(one.side, other.side), max(0.0, (one.side + other.side) / 2 - apart))
    val shared = reach(abs(one.x - other.x)) * reach(abs(one.y - other.y))
    return shared / (one.side * one.side + other.side * other.side - shared)
}

/** The square around a whole image, which the detector sees. */
fun wholeOf(image: Pixels): Square =
    Square(image.width / 2.0 - 0.5, image.height / 2.0 - 0.5,
           max(image.width, image.height).toDouble())

/** A square in the detector's pixels, brought back to the image that `whole` is the square of. */
fun squareInImage(square: Square, whole: Square): Square {
    fun place(value: Double) = ((value + 0.5) / DETECTOR_SIZE - 0.5) * whole.side
    return Square(whole.x + place(square.x), whole.y + place(square.y),
                  square.side * whole.side / DETECTOR_SIZE, square.angle)
}

/** The score of two passes, from their `presence`: a crop of a tilted head is unreliable. */
fun scoreOf(first: Float, second: Float, turned: Double): Float =
    if (abs(atan2(sin(turned), cos(turned))) <= PI / 6) (first + second) / 2 else second

/** The confidence that this is a face: the mean of the scores that there are, or none. */
fun confidence(score: Float?, detectionScore: Float?): Double? =
    listOfNotNull(score, detectionScore).ifEmpty { null }?.average()

/** Whether this is a face; without any score nothing speaks against it. */
fun isFace(score: Float?, detectionScore: Float?, minScore: Double = MIN_SCORE): Boolean =
    (confidence(score, detectionScore) ?: 1.0) >= minScore
