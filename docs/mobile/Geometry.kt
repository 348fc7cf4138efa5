/*
 * The arithmetic of a crop, without Android: which square is cut out, its pixels, and the way back.
 * Coordinates are pixels of the upright image; the centre of its first pixel is (0, 0).
 */

import kotlin.math.*

class Point(val x: Double, val y: Double)
class Box(val left: Double, val top: Double, val right: Double, val bottom: Double)
class Square(val x: Double, val y: Double, val side: Double, val angle: Double = 0.0)
class Ellipse(val long: Double, val short: Double, val angle: Double)

/** `face_box` of the sidecar; models of files without it were trained on tight boxes. */
class FaceBox(val x: Double, val y: Double, val scale: Double)
val TIGHT_BOX = FaceBox(0.0, 0.0, 1.0)

class Pixels(val width: Int, val height: Int, val argb: IntArray) {
    fun pixel(x: Int, y: Int, channel: Int): Int =  // channels: red, green, blue
        if (x < 0 || y < 0 || x >= width || y >= height) 0
        else (argb[y * width + x] shr (16 - 8 * channel)) and 255
}

/** The point turned about the origin, from x towards y. */
fun rotate(point: Point, angle: Double): Point =
    Point(cos(angle) * point.x - sin(angle) * point.y, sin(angle) * point.x + cos(angle) * point.y)

fun squareAround(box: Box, margin: Double): Square {
    val side = max(box.right - box.left, box.bottom - box.top) * (1 + margin)
    return Square((box.left + box.right) / 2, (box.top + box.bottom) / 2, side)
}

fun landmarkBox(landmarks: List<Point>): Box =
    landmarks.map { Box(it.x, it.y, it.x, it.y) }.reduce { one, other ->
        Box(min(one.left, other.left), min(one.top, other.top),
            max(one.right, other.right), max(one.bottom, other.bottom))
    }

/** The box of a face of which the landmarks are known, like those of the model's training. */
fun boxOfLandmarks(landmarks: List<Point>, faceBox: FaceBox): Box {
    val tight = landmarkBox(landmarks)
    val width = tight.right - tight.left
    val height = tight.bottom - tight.top
    val x = (tight.left + tight.right) / 2 + faceBox.x * max(width, height)
    val y = (tight.top + tight.bottom) / 2 + faceBox.y * max(width, height)
    val across = faceBox.scale * width / 2
    val down = faceBox.scale * height / 2
    return Box(x - across, y - down, x + across, y + down)
}

/**
 * `eyes` are two groups of landmarks, or null where the markup has none; `heights` tell how low
 * each of its rigid points lies on a head, and are empty where it has none.
 */
fun uprightSquare(
    landmarks: List<Point>, eyes: List<List<Int>>?, heights: Map<Int, Double>,
    margin: Double, faceBox: FaceBox
): Square {
    val angle = roll(landmarks, eyes, heights)
    // The box is taken in the turned frame, then its centre is brought back.
    val level = squareAround(boxOfLandmarks(landmarks.map { rotate(it, -angle) }, faceBox), margin)
    val centre = rotate(Point(level.x, level.y), angle)
    return Square(centre.x, centre.y, level.side, angle)
}

fun roll(landmarks: List<Point>, eyes: List<List<Int>>?, heights: Map<Int, Double>): Double {
    if (eyes == null) return axisAngle(landmarks, heights)
    val (left, right) = eyes.map { eye ->
        Point(eye.map { landmarks[it].x }.average(), eye.map { landmarks[it].y }.average())
    }
    val box = landmarkBox(landmarks)
    val size = sqrt((box.right - box.left) * (box.bottom - box.top))
    val x = right.x - left.x
    val y = right.y - left.y
    val apart = hypot(x, y) >= 0.3 * size  // closer eyes, of a turned head, say little
    return if (apart) atan2(y, x) else axisAngle(landmarks, heights)
}

/** How far the direction from high to low points leans, 0 without any. */
fun axisAngle(landmarks: List<Point>, heights: Map<Int, Double>): Double {
    val mean = heights.values.average()
    val x = heights.map { (point, height) -> (height - mean) * landmarks[point].x }.sum()
    val y = heights.map { (point, height) -> (height - mean) * landmarks[point].y }.sum()
    return atan2(-x, y)
}

/** The square's pixels: RGB, size x size x 3. */
fun crop(image: Pixels, square: Square, size: Int): IntArray {
    val shrink = max(1, (square.side / size).toInt())
    val (source, centre) =
        if (shrink >= 2) shrunk(image, square, shrink) else Pair(image, Point(square.x, square.y))
    val step = square.side / size / shrink
    val cosine = step * cos(square.angle)
    val sine = step * sin(square.angle)
    val x = centre.x - (cosine - sine) * (size - 1) / 2
    val y = centre.y - (sine + cosine) * (size - 1) / 2
    val pixels = IntArray(size * size * 3)
    for (row in 0 until size) for (column in 0 until size) {
        val x32 = to32nds(x - sine * row, cosine * column)
        val y32 = to32nds(y + cosine * row, sine * column)
        for (c in 0..2) pixels[(row * size + column) * 3 + c] = bilinear(source, x32, y32, c)
    }
    return pixels
}

fun to32nds(start: Double, offset: Double): Int =
    (Math.rint(start * 1024).toInt() + Math.rint(offset * 1024).toInt() + 16) shr 5

fun bilinear(image: Pixels, x32: Int, y32: Int, c: Int): Int {
    val left = x32 shr 5; val top = y32 shr 5; val right = x32 and 31; val bottom = y32 and 31
    val above = (32 - right) * image.pixel(left, top, c) + right * image.pixel(left + 1, top, c)
    val below =
        (32 - right) * image.pixel(left, top + 1, c) + right * image.pixel(left + 1, top + 1, c)
    return ((32 - bottom) * above + bottom * below + 512) shr 10
}

/** The image near the square, averaged over shrink x shrink pixels, and the new centre. */
fun shrunk(image: Pixels, square: Square, shrink: Int): Pair<Pixels, Point> {
    val reach = square.side / 2 * (abs(cos(square.angle)) + abs(sin(square.angle)))
    val left = max(0, (square.x - reach).toInt() - 2 * shrink)
    val top = max(0, (square.y - reach).toInt() - 2 * shrink)
    val right = min(image.width, (square.x + reach).toInt() + 2 * shrink)
    val bottom = min(image.height, (square.y + reach).toInt() + 2 * shrink)
    val columns = max(0, (right - left + shrink - 1) / shrink)
    val rows = max(0, (bottom - top + shrink - 1) / shrink)
    val argb = IntArray(columns * rows) { block ->
        val sums = IntArray(3)
        for (dy in 0 until shrink) for (dx in 0 until shrink) {  // the last pixels are repeated
            val x = min(left + block % columns * shrink + dx, image.width - 1)
            val y = min(top + block / columns * shrink + dy, image.height - 1)
            for (c in 0..2) sums[c] += image.pixel(x, y, c)
        }
        val area = (shrink * shrink).toDouble()  // OpenCV rounds halves up for 2 x 2 pixels only
        val mean = sums.map { if (shrink == 2) (it + 2) / 4 else Math.rint(it / area).toInt() }
        (mean[0] shl 16) or (mean[1] shl 8) or mean[2]
    }
    fun moved(offset: Double) = (offset + 0.5) / shrink - 0.5
    return Pair(Pixels(columns, rows, argb), Point(moved(square.x - left), moved(square.y - top)))
}

fun mapBack(fraction: FloatArray, square: Square): Point {
    val (x, y) = fraction.map { (it - 0.5) * square.side }
    val offset = rotate(Point(x, y), square.angle)
    return Point(square.x + offset.x, square.y + offset.y)
}

/** `covariance` are the two rows of one landmark's matrix, in crop fractions squared. */
fun ellipse(covariance: Array<FloatArray>, square: Square): Ellipse {
    val (xx, xy) = covariance[0].map { it.toDouble() }
    val yy = covariance[1][1].toDouble()
    val middle = (xx + yy) / 2
    val spread = hypot((xx - yy) / 2, xy)
    val long = square.side * sqrt(4.605 * (middle + spread))
    val short = square.side * sqrt(4.605 * max(0.0, middle - spread))
    return Ellipse(long, short, square.angle + atan2(2 * xy, xx - yy) / 2)
}

/** A frame of width x height pixels `argb(x, y)`, turned clockwise by 0, 90, 180 or 270 degrees. */
inline fun turned(width: Int, height: Int, degrees: Int, argb: (Int, Int) -> Int): Pixels {
    val lies = degrees % 180 != 0
    val (across, down) = if (lies) Pair(height, width) else Pair(width, height)
    val turned = Pixels(across, down, IntArray(width * height))
    for (y in 0 until height) for (x in 0 until width) {
        turned.argb[when (degrees) {
            90 -> x * across + height - 1 - y
            180 -> (height - 1 - y) * across + width - 1 - x
            270 -> (width - 1 - x) * across + y
            else -> y * across + x
        }] = argb(x, y)
    }
    return turned
}
