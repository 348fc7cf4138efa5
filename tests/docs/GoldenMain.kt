/**
 * What docs/mobile/Geometry.kt and Finds.kt compute: a line of numbers for each line that comes in, which is a
 * function's name and what it is given. A list is its length, then its items; a map likewise, an
 * item being a key and its value. See test_kotlin.py.
 */

class Words(line: String) {
    private val words = line.split(" ").iterator()

    fun word() = words.next()
    fun int() = word().toInt()
    fun number() = word().toDouble()
    fun <T> list(item: () -> T) = List(int()) { item() }
    fun numbers() = list { number() }

    fun points() = list { numbers().let { (x, y) -> Point(x, y) } }
    fun box() = numbers().let { (left, top, right, bottom) -> Box(left, top, right, bottom) }
    fun faceBox() = numbers().let { (x, y, scale) -> FaceBox(x, y, scale) }
    fun square() = numbers().let { (x, y, side) -> Square(x, y, side, number()) }
    fun eyes() = list { list { int() } }.ifEmpty { null }
    fun heights() = list { int() to numbers() }.associate { (point, place) -> point to place[1] }
}

fun numbers(square: Square) = listOf(square.x, square.y, square.side)
fun numbers(box: Box) = listOf(box.left, box.top, box.right, box.bottom)
fun numbers(ellipse: Ellipse) = listOf(ellipse.long, ellipse.short, ellipse.angle)

fun floats(numbers: List<Double>) = numbers.map { it.toFloat() }.toFloatArray()

fun matrix(covariance: List<Double>): Array<FloatArray> {
    val (xx, xy, yy) = covariance.map { it.toFloat() }
    return arrayOf(floatArrayOf(xx, xy), floatArrayOf(xy, yy))
}

fun main() {
    var image = Pixels(0, 0, IntArray(0))
    for (line in generateSequence(::readLine)) {
        val given = Words(line)
        val found: List<Number> = when (val name = given.word()) {
            "image" -> {
                val (width, height) = List(2) { given.int() }
                val argb = given.list { given.int() }
                    .chunked(3) { (red, green, blue) -> (red shl 16) or (green shl 8) or blue }
                image = Pixels(width, height, argb.toIntArray())
                listOf()
            }
            "square_around" -> numbers(squareAround(given.box(), given.number()))
            "box_of_landmarks" -> numbers(boxOfLandmarks(given.points(), given.faceBox()))
            "upright_square" ->
                uprightSquare(
                    given.points(), given.eyes(), given.heights(), given.number(), given.faceBox()
                ).let { numbers(it) + it.angle }
            "crop_to_image" -> {
                val fractions = given.list { given.numbers().map { it.toFloat() }.toFloatArray() }
                val square = given.square()
                fractions.map { mapBack(it, square) }.flatMap { listOf(it.x, it.y) }
            }
            "ellipse" -> numbers(ellipse(matrix(given.numbers()), given.square()))
            "cut_square" -> crop(image, given.square(), given.int()).toList()
            "turned" -> {
                val (width, height, degrees) = List(3) { given.int() }
                val frame = given.list { given.int() }
                turned(width, height, degrees) { x, y -> frame[y * width + x] }
                    .let { listOf(it.width, it.height) + it.argb.toList() }
            }
            "finds" -> {
                val centres = given.list { floats(given.numbers()) }.toTypedArray()
                val geometry =
                    given.list { given.list { floats(given.numbers()) }.toTypedArray() }.toTypedArray()
                finds(centres, geometry, given.number().toFloat()).flatMap {
                    listOf(it.score.toDouble()) + numbers(it.square) + it.square.angle
                }
            }
            "confidence" -> {
                val (first, second, turned, detection) = given.numbers()
                val score = scoreOf(first.toFloat(), second.toFloat(), turned)
                val found = detection.toFloat().takeIf { it >= 0 }
                listOf(score, confidence(score, found)!!, if (isFace(score, found)) 1 else 0)
            }
            "in_image" -> {
                val (width, height) = List(2) { given.int() }
                val whole = wholeOf(Pixels(width, height, IntArray(0)))
                squareInImage(given.square(), whole).let { numbers(it) + it.angle }
            }
            else -> throw IllegalArgumentException(name)
        }
        println(found.joinToString(" "))
    }
}
